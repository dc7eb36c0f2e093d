import { expect, it } from 'vitest';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { refuseFixedChanges } from '../../shared/config/changes.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { weightsOf } from '../../shared/models/registry.ts';
import { moveRun } from '../../shared/pipeline/move-run.ts';
import { readRequest, readRunRecord } from '../../shared/pipeline/records.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeModel, fakeWorkload } from '../support/fake-workload.ts';

const addresses = { dataset: 's3://b/datasets/fake/pde_1d.json', folder: 'elsewhere', weights: 's3://b/weights/w' };
const at = new Date('2026-11-24T12:00:00Z');

async function moved(config = fakeConfig(), train = true) {
  const from = memoryStore();
  await requestRun(from, config);
  if (train) await runPipeline(run, fakeContext(from, fakeWorkload()));
  const to = memoryStore();
  await moveRun({ store: from, run }, { store: to, run: 'there' }, addresses, at);
  return { from, to };
}

it('writes the new addresses into what is asked for and what is on record, and nothing else', async () => {
  const { from, to } = await moved();
  const before = await readRunRecord(from, run);
  const record = await readRunRecord(to, 'there');
  const { config } = await readRequest(to, 'there');
  expect(config).toEqual(record.config);
  expect(config.dataset.path).toBe(addresses.dataset);
  expect(config.output.folder).toBe('elsewhere');
  expect({ ...config, dataset: before.config.dataset, output: before.config.output }).toEqual(before.config);
  expect(record.dataset).toEqual({ ...before.dataset, path: addresses.dataset });
  expect(record.history.slice(0, before.history.length)).toEqual(before.history);
  expect(record.history.slice(before.history.length).map(({ what }) => what)).toEqual([
    `moved from ${from.label}/${run}`,
    expect.stringContaining('dataset.path: '),
    'output.folder: "runs" -> "elsewhere"',
  ]);
});

it('gives weights an address only where the run begins from some', async () => {
  const fresh = await moved(fakeConfig(), false);
  expect(weightsOf((await readRequest(fresh.to, 'there')).config.model)).toBeUndefined();
  const config = fakeConfig({ model: { ...fakeModel, weights: '/here/w' } });
  const { to } = await moved(config, false);
  expect(weightsOf((await readRequest(to, 'there')).config.model)).toBe(addresses.weights);
});

it('leaves the rule in force that a run keeps its weights', async () => {
  const { to } = await moved();
  const { config } = await readRunRecord(to, 'there');
  const other = { ...config, model: { ...config.model, weights: '/other/weights' } };
  expect(() => refuseFixedChanges(config, other)).toThrow('model.weights');
});
