import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { inSchemaSpelling } from '../../shared/config/spelling.ts';
import { runCli } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const set = (...texts: string[]) => texts.map(parseOverride);

it('takes values in kebab case as those in camel case, in the run file and by --set', async () => {
  const folder = await temporaryFolder();
  const balance = { preset: 'temp-balance', fit: { method: 'fix-finger' } };
  const { balance: settings } = await loadRunFile(
    await writeRunFile(folder, { balance }),
    set('balance.control=by-shape'),
  );
  expect(settings).toMatchObject({ preset: 'tempBalance', fit: { method: 'fixFinger' }, control: 'byShape' });
});

it('keeps what is no name of the schema: paths, names of runs, and names that are in kebab case there', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { output: { name: 'my-run', folder: 'all-my-runs' } });
  const { output } = await loadRunFile(runFile);
  expect(output).toMatchObject({ name: 'my-run', folder: join(folder, 'all-my-runs') });
  const task = { enum: ['causal-lm', 'causalLm'] };
  expect(inSchemaSpelling(() => ({ properties: { task } }), { task: 'causal-lm' })).toEqual({ task: 'causal-lm' });
  expect(inSchemaSpelling(() => ({ items: { const: 'byShape' } }), ['by-shape', 'other-thing'])).toEqual([
    'byShape',
    'other-thing',
  ]);
});

it('names a value that no spelling helps as it was given', async () => {
  const runFile = await writeRunFile(await temporaryFolder(), { balance: { control: 'by-colour' } });
  await expect(loadRunFile(runFile)).rejects.toThrow('by-colour');
});

it('goes for options of commands, too', async () => {
  const { stderr } = await runCli(['analyze', 'nowhere', '--fit', 'goodness-of-fit']);
  expect(stderr).toContain('nowhere');
  expect(stderr).not.toContain('argument');
  expect((await runCli(['rates', 'nowhere', '--preset', 'model-balancing'])).stderr).toMatch(/^error: nowhere/);
  expect((await runCli(['analyze', 'nowhere', '--fit', 'best-of-all'])).stderr).toContain('Allowed choices are');
});
