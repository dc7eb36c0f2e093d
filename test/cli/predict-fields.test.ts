import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { writeMadeUp } from '../../examples/pdebench/data.ts';
import { withArrayFile } from '../../shared/datasets/arrays/open-arrays.ts';
import { fieldDatasetSchema, openDataset } from '../../shared/datasets/registry.ts';
import { runRecordSchema } from '../../shared/pipeline/records.ts';
import { fieldsOfRecord } from '../../shared/pipeline/run-model.ts';
import { readWhole } from '../support/arrays.ts';
import { runCli } from '../support/cli.ts';
import { writeHdf5 } from '../support/hdf5.ts';
import { temporaryFolder } from '../support/small-run.ts';

const points = 16;
const channels = ['density', 'pressure', 'Vx'];

/** Trains one epoch on made-up fields: a run `flow` on roll-outs of every tenth of 101 time steps, in `folder`. */
async function trainFlow(folder: string): Promise<void> {
  await writeMadeUp(join(folder, 'flow.hdf5'), '1D_CFD', { samples: 6, points, seed: 1 });
  const run = {
    model: { family: 'fno1d', modes: 3, width: 4, projection: 8, blocks: 2 },
    dataset: {
      format: 'pdebench',
      path: 'flow.hdf5',
      channels,
      window: 2,
      rolloutSteps: 4,
      subsample: { time: 10 },
      normalise: 'unitGaussian',
      validation: { rows: [1, 2] },
    },
    training: { epochs: 1, batchSize: 2, learningRate: 0.003, seed: 1 },
    balance: 'off',
    output: { name: 'flow' },
  };
  await writeFile(join(folder, 'flow.yaml'), stringify(run));
  expect((await runCli(['train', 'flow.yaml'], { cwd: folder })).code).toBe(0);
}

/** What of `flow.hdf5` is written to another file: each channel as `change` makes it of its values `[samples, time, x]`. */
async function variant(
  folder: string,
  name: string,
  { times = 101, change = () => {} }: { times?: number; change?: (values: Float32Array) => void },
): Promise<void> {
  await withArrayFile(join(folder, 'flow.hdf5'), async (file) => {
    const arrays: Parameters<typeof writeHdf5>[1] = {};
    for (const channel of channels) {
      const range = (count: number) => ({ start: 0, count, stride: 1 });
      const data = await file.array(channel).read([range(6), range(times), range(points)]);
      change(data);
      arrays[channel] = { data, shape: [6, times, points] };
    }
    arrays['x-coordinate'] = { data: Float32Array.from({ length: points }, (_, index) => (index + 0.5) / points) };
    await writeHdf5(join(folder, name), arrays);
  });
}

it('a file of fields is predicted, compared with the truth, written and read back', { timeout: 240_000 }, async () => {
  const cwd = await temporaryFolder();
  await trainFlow(cwd);
  const predict = async (...args: string[]) => runCli(['predict', 'flow', ...args], { cwd });
  const json = async (...args: string[]) => JSON.parse((await predict(...args, '--json')).stdout);

  // The run's own validation rows: its own metrics, to the bit.
  const folders = await readdir(join(cwd, 'runs/flow/epochs/0001'), { withFileTypes: true });
  const attempt = folders.find((entry) => entry.isDirectory())!.name;
  const { metrics } = JSON.parse(await readFile(join(cwd, 'runs/flow/epochs/0001', attempt, 'metrics.json'), 'utf8'));
  const own = await json('--of', 'validation', '--epoch', '1');
  expect(own).toMatchObject({ metrics, rows: [1, 2], steps: 4, epoch: 1 });
  expect(own.bySteps.nRMSE).toHaveLength(4);

  // All steps that the file has; in pieces of other batches, the same values.
  const all = await predict('flow.hdf5', '--out', 'pred.hdf5', '--plot', 'pred.html');
  expect(all).toMatchObject({ code: 0, stderr: '' });
  expect(all.stdout).toMatch(/^6 samples, 9 time steps each$/m);
  expect(all.stdout).toMatch(/^all {3}/m);
  expect(await readFile(join(cwd, 'pred.html'), 'utf8')).toContain('Predicted fields');
  const page = await predict(
    'flow.hdf5',
    '--out',
    'pred.npy',
    '--batch-size',
    '4',
    '--rows',
    '1-2, 5',
    '--steps',
    '12',
  );
  expect(page.stdout).toContain('true fields are known of the first 9 steps');

  const dataset = fieldDatasetSchema.parse({ format: 'fields', path: 'pred.hdf5', window: 1 });
  const read = await openDataset(dataset, join(cwd, 'pred.hdf5'), { seed: 0 });
  expect(read.shape).toEqual([6, points, 9, 3]);
  expect([...read.grid.values]).toEqual(Array.from({ length: points }, (_, index) => (index + 0.5) / points));
  await withArrayFile(join(cwd, 'pred.hdf5'), async (file) => {
    expect(file.attributes()).toMatchObject({
      run: 'flow',
      epoch: expect.any(Number),
      model: 'fno1d',
      source: 'flow.hdf5',
      window: 2,
    });
    expect(file.attributes('tensor')).toEqual({ channels });
    expect(await readWhole(file.array('row'))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await readWhole(file.array('step'))).toEqual([20, 30, 40, 50, 60, 70, 80, 90, 100]);
    const size = points * 3;
    const tensor = await readWhole(file.array('tensor'));
    await withArrayFile(join(cwd, 'pred.npy'), async (other) => {
      expect(other.array('array').shape).toEqual([3, 12, points, 3]);
      const some = await readWhole(other.array('array'));
      for (const [position, row] of [1, 2, 5].entries()) {
        for (let value = 0; value < 9 * size; value++) {
          expect(some[position * 12 * size + value]).toBeCloseTo(tensor[row * 9 * size + value]!, 5);
        }
      }
    });
  });

  // A window alone: as many steps as the run has, and no error.
  await variant(cwd, 'window.hdf5', { times: 11 });
  const alone = await predict('window.hdf5', '--out', 'alone.h5');
  expect(alone).toMatchObject({ code: 0 });
  expect(alone.stdout).toContain('6 samples, 4 time steps each\nfields  alone.h5');
  const first = await withArrayFile(join(cwd, 'alone.h5'), (file) => readWhole(file.array('tensor')));
  await withArrayFile(join(cwd, 'pred.hdf5'), async (file) => {
    const range = (count: number) => ({ start: 0, count, stride: 1 });
    const expected = await file.array('tensor').read([range(6), range(4), range(points), range(3)]);
    for (const [index, value] of first.entries()) expect(value).toBeCloseTo(expected[index]!, 5);
  });

  // Not all numbers: told, written all the same, and a failure.
  const middle = 3 * 101 * points;
  await variant(cwd, 'nan.hdf5', { change: (values) => values.fill(Number.NaN, middle, middle + 1) });
  const broken = await predict('nan.hdf5', '--out', 'nan.npy', '--steps', '2');
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain('predictions of 1 sample are not all numbers; nan.npy is written all the same:');
  expect(broken.stderr).toContain('row 3: NaN from predicted step 1 on, and what it is predicted from is not');
  expect(await readdir(cwd)).toContain('nan.npy');

  // What is of texts, and what is not there.
  const texts = await predict('flow.hdf5', '--csv', '--column', 'text=a');
  expect(texts).toMatchObject({ code: 2, stdout: '' });
  expect(texts.stderr).toContain('--csv, --column: are options of texts, and this run trained a model of fields');
  const missing = await predict('nothing.hdf5', '--out', 'none.h5');
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  expect(missing.stderr).toContain('nothing.hdf5: there is no such file\n  Check the name of the file.');
  expect((await readdir(cwd)).filter((name) => name.startsWith('draft-'))).toEqual([]);

  const record = runRecordSchema.parse(JSON.parse(await readFile(join(cwd, 'runs/flow/run.json'), 'utf8')));
  expect(fieldsOfRecord(record)).toMatchObject({
    coordinates: [{ from: 0.03125, to: 0.96875 }],
    window: 2,
    rolloutSteps: 4,
  });
});
