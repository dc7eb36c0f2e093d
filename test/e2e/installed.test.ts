import { execFile } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { installedSize, sizeTable } from '../../docs/installed-size.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { removeOutput, synthesize } from '../infra/synthesize.ts';
import { fixturePath } from '../support/fixtures.ts';
import { addOptionalPackages, installed } from '../support/installed.ts';

const run = promisify(execFile);
const main = join('node_modules', 'tempbalance', packageJson.bin.tempbalance);

let cwd: string;
beforeAll(async () => {
  cwd = await installed();
}, 600_000);

const tempbalance = async (...args: string[]) => (await run(process.execPath, [main, ...args], { cwd })).stdout;

/** What a command says that is refused. */
const refusal = async (...args: string[]) => {
  const failure = await run(process.execPath, [main, ...args], { cwd }).catch((error) => error);
  return { code: failure.code, said: failure.stderr as string };
};

it('trains where the package is installed, beside what it depends on alone', async () => {
  expect(await tempbalance('--version')).toBe(`${packageJson.version}\n`);
  await cp(fixturePath('data', 'pde_1d.hdf5'), join(cwd, 'burgers.hdf5'));
  await tempbalance('init', '--dataset', 'burgers.hdf5');
  await tempbalance('validate');
  await tempbalance('train', '--set', 'training.epochs=1', '--set', 'output.name=first');
  expect(await tempbalance('runs')).toContain('first');
});

it('takes less than 350 MB, as the docs list it', async () => {
  const sizes = await installedSize(join(cwd, 'node_modules'));
  expect(sizes.reduce((sum, { megabytes }) => sum + megabytes, 0)).toBeLessThan(350);
  const page = await readFile('docs/install.md', 'utf8');
  const listed = new Map([...page.matchAll(/^\| (.*) \| (\d+) \|$/gm)].map(([, part, size]) => [part, Number(size)]));
  for (const { part, megabytes } of sizes) {
    expect(Math.abs(listed.get(part)! - megabytes), `${part}; now:\n${sizeTable(sizes)}`).toBeLessThan(3);
  }
});

it('says what to install where clients of AWS are needed, which an installation has not', async () => {
  const commands = [
    ['cloud', 'status'],
    ['prices', '--region', 'eu-west-1'],
    ['validate', '--set', 'dataset.path=s3://bucket/data.hdf5'],
  ];
  for (const command of commands) {
    const { code, said } = await refusal(...command);
    expect(said, command.join(' ')).toMatch(
      /^error: the clients of AWS are not installed\n +Run: npm install .*@aws-sdk\/client-s3@3/m,
    );
    expect(code).toBe(2);
  }
});

it('makes the same stack as a clone, once what deploying needs is added', { timeout: 600_000 }, async () => {
  const { code, said } = await refusal('cloud', 'synth');
  expect(said).toMatch(/^error: what deploying needs is not installed\n +Run: npm install .*aws-cdk-lib@2\.276\.0/m);
  expect(code).toBe(2);
  await addOptionalPackages(cwd);
  await writeFile(join(cwd, 'cdk.json'), JSON.stringify({ context: { tempbalance: { maxGpus: 3 } } }));
  await tempbalance('cloud', 'synth', '--', '--no-path-metadata', '--no-asset-metadata');
  const made = await readFile(join(cwd, 'cdk.out', 'tempbalance.template.json'), 'utf8');
  // Bundles have paths of the folder in them, in comments and maps, so that their names differ.
  const withoutHashes = (template: string) => JSON.parse(template.replaceAll(/[0-9a-f]{64}\.zip/g, 'bundle.zip'));
  const { template } = synthesize({ maxGpus: 3 }, { document: undefined });
  removeOutput();
  expect(withoutHashes(made)).toEqual(withoutHashes(JSON.stringify(template.toJSON())));
});
