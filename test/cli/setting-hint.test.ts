import { expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';

const hintOf = async (...args: string[]) => {
  const { code, stderr } = await runCli(args);
  return [code, stderr.split('\n')[1]];
};
const given = (setting: string) => `  Settings of the run file are given by --set: --set ${setting}`;

it('tells how a setting of the run file is set that was given as an option', async () => {
  expect(await hintOf('train', '--epochs', '5')).toEqual([2, given('training.epochs=5')]);
  expect(await hintOf('train', 'run.yaml', '--lr=1e-4')).toEqual([2, given('training.learningRate=1e-4')]);
  expect(await hintOf('plan', '--batch-size', '4')).toEqual([2, given('training.batchSize=4')]);
  expect(await hintOf('cloud', 'submit', '--epochs')).toEqual([2, given('training.epochs=...')]);
});

it('says nothing of options that are no settings, or of commands that take none', async () => {
  expect(await hintOf('train', '--nonsense', '5')).toEqual([2, '']);
  expect(await hintOf('runs', '--epochs', '5')).toEqual([2, '']);
  expect((await hintOf('rates', 'x', '--epochs', '5'))[1]).not.toContain('--set');
});
