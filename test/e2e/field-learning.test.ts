import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const flags = (set: readonly string[]) => set.flatMap((each) => ['--set', each]);

/** Files of a committed epoch. */
async function epochOf(run: string, epoch: number) {
  const folder = join(run, 'epochs', String(epoch).padStart(4, '0'));
  const { attempt } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  return (file: string) => readFile(join(folder, attempt, file));
}

it.each([
  ['dataset.normalise=unitGaussian', 'training.loss=relativeL2', 'training.accumulate=2'],
  ['dataset.normalise=minMax', 'training.loss=h1', 'training.periodic=false', 'training.sam.rho=0.05'],
  ['dataset.normalise=unitGaussian', 'training.mode=singleStep', 'training.accumulate=2'],
  ['training.mode=pushForward', 'training.unrollSteps=1', 'training.sam.rho=0.05', 'compute.epochsPerTask=2'],
])('a run with %s, %s, %s goes on to the same bits', { timeout: 120_000 }, async (...set) => {
  const folder = await temporaryFolder();
  const file = await writeRunFile(folder);
  const train = async (name: string, epochs: number) => {
    const args = flags([...set.filter(Boolean), `output.name=${name}`, `training.epochs=${epochs}`]);
    const { code, stderr } = await runCli(['train', file, ...args]);
    expect(code, stderr).toBe(0);
  };
  await train('through', 3);
  await train('stopped', 1);
  const resumed = await runCli(['resume', join(folder, 'runs', 'stopped'), '--set', 'training.epochs=3']);
  expect(resumed.code, resumed.stderr).toBe(0);
  const [whole, inParts] = [
    await epochOf(join(folder, 'runs', 'through'), 3),
    await epochOf(join(folder, 'runs', 'stopped'), 3),
  ];
  for (const name of ['model.safetensors', 'optimizer.safetensors', 'predictions.json']) {
    expect((await inParts(name)).equals(await whole(name)), name).toBe(true);
  }
  const { errors, samples } = JSON.parse((await whole('predictions.json')).toString());
  const { metrics } = JSON.parse((await whole('metrics.json')).toString());
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(samples).toBe(2);
  for (const name of ['nRMSE', 'RMSE']) expect(mean(errors[name].mean) / metrics[name]).toBeCloseTo(1, 4);
  const report = await readFile(join(folder, 'runs', 'through', 'report.html'), 'utf8');
  expect(report).toContain('<section id="predictions"');
  expect(report).toContain('the worst sample');
  const record = JSON.parse(await readFile(join(folder, 'runs', 'through', 'run.json'), 'utf8'));
  const config = JSON.parse(await readFile(join(folder, 'runs', 'through', 'model', 'config.json'), 'utf8'));
  expect(record.dataset.normaliser !== undefined).toBe(set[0]!.startsWith('dataset.normalise'));
  expect(config.normaliser).toEqual(record.dataset.normaliser);
});

it.each([
  [['training.unrollSteps=2'], 'training.unrollSteps'],
  [['training.periodic=true'], 'training.periodic'],
  [['dataset.normalise=zScore'], 'dataset.normalise'],
  [['training.loss=l1'], 'training.loss'],
  [['training.mode=pushForward', 'dataset.rolloutSteps=1'], 'pushForward learns from the end of a roll-out'],
])('%s is refused', async (set, expected) => {
  const file = await writeRunFile(await temporaryFolder());
  const { code, stderr } = await runCli(['validate', file, ...flags(set)]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(expected) });
});
