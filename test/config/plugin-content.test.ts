import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changeOf, contentOf } from '../../shared/config/plugin-content.ts';
import { temporaryFolder } from '../support/small-run.ts';

/** A folder with a plugin of several modules, and a package that one of them uses. */
async function pluginFolder() {
  const folder = await temporaryFolder();
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  };
  const plugin = await write(
    'plugin.ts',
    [
      "import type { Plugin } from 'tempbalance';",
      "import type { Shape } from './shape.ts';",
      "// import { old } from './was-here.ts';",
      "import { readFile } from 'node:fs';",
      "import { factor } from './parts/factor.ts';",
      'export { other } from "./parts/other.mjs";',
      'const later = () => import("./later.cjs");',
      'export default () => ({});',
    ].join('\n'),
  );
  await write('shape.ts', 'export type Shape = number[];\n');
  await write('parts/factor.ts', "import '../plugin.ts';\nimport {\n  a,\n  b,\n} from './constants.json';\n");
  await write('parts/constants.json', '{ "a": 1 }\n');
  await write('parts/other.mjs', "import matrix from 'small-matrix/dense';\nimport 'not-installed';\n");
  await write('later.cjs', "const { x } = require('@own/lib');\nrequire('./parts/factor.ts');\n");
  await write(
    'node_modules/small-matrix/package.json',
    '{ "name": "small-matrix", "version": "6.1.2", "exports": {} }',
  );
  await write('node_modules/@own/lib/package.json', 'no JSON');
  return { folder, plugin, write };
}

describe('the content of a plugin', () => {
  it('is its module, all that it imports by paths, and the versions of packages', async () => {
    const { plugin } = await pluginFolder();
    const { sha256, modules, packages } = contentOf(plugin);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(modules!.map(({ path }) => path)).toEqual([
      './later.cjs',
      './parts/constants.json',
      './parts/factor.ts',
      './parts/other.mjs',
    ]);
    expect(packages).toEqual(['@own/lib@unknown', 'small-matrix@6.1.2']);
  });

  it('is a digest alone where it imports nothing', async () => {
    const { write } = await pluginFolder();
    expect(Object.keys(contentOf(await write('alone.ts', "import { z } from 'tempbalance';\n")))).toEqual(['sha256']);
  });

  it('is the same by a link', async () => {
    const { folder, plugin } = await pluginFolder();
    const link = join(await temporaryFolder(), 'link');
    await symlink(folder, link);
    expect(contentOf(join(link, 'plugin.ts'))).toEqual(contentOf(plugin));
  });

  it.each([
    ['plugin.ts', '', 'has changed since the run began'],
    ['parts/constants.json', '{}', 'imports ./parts/constants.json, which has changed since the run began'],
    ['parts/factor.ts', '', 'imports ./parts/constants.json no more, which it did when the run began'],
    [
      'node_modules/small-matrix/package.json',
      '{ "version": "6.2.0" }',
      'imports small-matrix@6.1.2, and another version is installed now, or none',
    ],
    ['shape.ts', '', undefined],
  ])('is another one after a change of %s, with a word of what has changed', async (name, text, change) => {
    const { plugin, write } = await pluginFolder();
    const recorded = contentOf(plugin);
    await write(name, text);
    expect(changeOf(recorded, contentOf(plugin))).toBe(change);
  });

  it('of a run that recorded the module alone is held to that', async () => {
    const { plugin, write } = await pluginFolder();
    const { sha256 } = contentOf(plugin);
    await write('later.cjs', '');
    expect(changeOf({ sha256 }, contentOf(plugin))).toBeUndefined();
  });
});
