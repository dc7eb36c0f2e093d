import { execFile } from 'node:child_process';
import { access, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/small-run.ts';

const run = promisify(execFile);

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/** A folder that the package is installed in, beside what it depends on and nothing else. */
async function installed(): Promise<string> {
  const folder = await temporaryFolder();
  const modules = join(folder, 'node_modules');
  const own = join(modules, 'tempbalance');
  await run(process.execPath, [
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.build.json',
    '--outDir',
    join(own, 'dist'),
  ]);
  for (const name of ['package.json', ...packageJson.files.filter((each) => each !== 'dist')]) {
    await cp(name, join(own, name));
  }
  const { packages }: Lockfile = JSON.parse(await readFile('package-lock.json', 'utf8'));
  const top = Object.entries(packages).filter(([path]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path));
  for (const [path, { dev, devOptional }] of top) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (dev || devOptional || !isThere) continue;
    const at = join(folder, path);
    await mkdir(dirname(at), { recursive: true });
    await symlink(resolve(path), at);
  }
  return folder;
}

it('trains where the package is installed, beside what it depends on alone', async () => {
  const cwd = await installed();
  const main = join('node_modules', 'tempbalance', packageJson.bin.tempbalance);
  const tempbalance = async (...args: string[]) => (await run(process.execPath, [main, ...args], { cwd })).stdout;
  expect(await tempbalance('--version')).toBe(`${packageJson.version}\n`);
  await cp(fixturePath('data', 'pde_1d.hdf5'), join(cwd, 'burgers.hdf5'));
  await tempbalance('init', '--dataset', 'burgers.hdf5');
  await tempbalance('validate');
  await tempbalance('train', '--set', 'training.epochs=1', '--set', 'output.name=first');
  expect(await tempbalance('runs')).toContain('first');
});
