import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
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

it('says where the base of an adapter lies at the new place, unless it is another folder than the model', async () => {
  const baseAfter = async (path: string) => {
    const from = memoryStore();
    const model = { family: 'huggingface', folder: '/here/bert', lora: {} };
    const config = fakeConfig({ model, dataset: { format: 'jsonl', path: '/here/texts.jsonl' } });
    await requestRun(from, config);
    const base = { path, sha256: 'b', bytes: 1 };
    const adapter = { config: { peft_type: 'LORA', r: 8, lora_alpha: 8 }, base };
    const dataset = { path: '/here/texts.jsonl', sha256: 'a', bytes: 1 };
    const record = { version: 1, name: 'fake', config, seed: 0, dataset, adapter, versions: {}, history: [] };
    await from.put(runKeys.record(run), encodeJson(record));
    const to = memoryStore();
    await moveRun({ store: from, run }, { store: to, run: 'there' }, addresses, at);
    return (await readRunRecord(to, 'there')).adapter!.base;
  };
  expect(await baseAfter('/here/bert')).toEqual({ path: addresses.weights, sha256: 'b', bytes: 1 });
  expect(await baseAfter('/elsewhere')).toMatchObject({ path: '/elsewhere' });
});

it('leaves the rule in force that a run keeps its weights', async () => {
  const { to } = await moved();
  const { config } = await readRunRecord(to, 'there');
  const other = { ...config, model: { ...config.model, weights: '/other/weights' } };
  expect(() => refuseFixedChanges(config, other)).toThrow('model.weights');
});

describe('a run of the name that has committed nothing', () => {
  const places = async (changes: object, overrides: readonly string[] = []) => {
    const from = memoryStore();
    await requestRun(from, fakeConfig());
    const to = memoryStore();
    const config = { ...fakeConfig(), ...changes, dataset: { ...fakeConfig().dataset, path: 's3://b/other/place' } };
    await to.put(runKeys.request('there'), encodeJson({ version: 1, config, overrides }));
    return [{ store: from, run }, { store: to, run: 'there' }, addresses, at] as const;
  };

  it('stays as it is where its settings are others', async () => {
    const { training } = fakeConfig();
    const given = await places({ training: { ...training, epochs: 9 } });
    const before = await readRequest(given[1].store, 'there');
    await expect(moveRun(...given)).rejects.toThrow('there is a run of this name with other settings');
    expect(await readRequest(given[1].store, 'there')).toEqual(before);
  });

  const held = (sha256: string) => ({ sha256: 'a', validation: { sha256, bytes: 1 } });

  it.each([
    [{ sha256: 'a' }, { sha256: 'b' }],
    [held('c'), held('d')],
    [held('c'), { sha256: 'a' }],
  ])('stays as it is where its data are others: %j, %j', async (here, there) => {
    const given = await places({});
    const [from, to] = given;
    const record = (data: object) =>
      encodeJson({
        version: 1,
        name: 'fake',
        config: fakeConfig(),
        seed: 0,
        dataset: { path: 'here', bytes: 1, ...data },
        versions: {},
        history: [],
      });
    await from.store.put(runKeys.record(from.run), record(here));
    await to.store.put(runKeys.record(to.run), record(there));
    await expect(moveRun(...given)).rejects.toThrow('there is a run of this name with other settings or data');
  });

  it('is the same one where only addresses differ, and what was set on top of it at one place', async () => {
    const { training } = fakeConfig();
    const given = await places({ training: { ...training, epochs: 9 } }, ['training.epochs=9']);
    await moveRun(...given);
    expect((await readRequest(given[1].store, 'there')).config.training.epochs).toBe(training.epochs);
    await moveRun(...(await places({})));
  });
});
