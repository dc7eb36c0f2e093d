import { expect, it } from 'vitest';
import { comparisonKeys } from '../../../shared/checkpoints/comparison-keys.ts';
import { memoryStore } from '../../../shared/checkpoints/memory-store.ts';
import type { ComparisonSettings } from '../../../shared/config/comparison.ts';
import { beginComparison, goOnWithComparison } from '../../../shared/pipeline/comparison/begin.ts';
import { inputsOf, relocated } from '../../../shared/pipeline/comparison/inputs.ts';
import { readComparison, readStoredRequest } from '../../../shared/pipeline/comparison/records.ts';
import { readRequest } from '../../../shared/pipeline/records.ts';
import { comparison, doFake, fakeSettings } from '../../support/fake-comparison.ts';

const rows = { training: 3, test: 2 };

/** The same settings with the data elsewhere, and the compare file in another folder. */
const movedTo = (settings: ComparisonSettings, path: string): ComparisonSettings => ({
  ...settings,
  arms: settings.arms.map((arm) => {
    const config = relocated(arm.config, () => path);
    return { ...arm, config: { ...config, output: { ...config.output, folder: '/elsewhere/runs' } } };
  }),
});

it('a comparison that is begun again is numbered, and no longer has an end', async () => {
  const store = memoryStore();
  const settings = await fakeSettings();
  const inputs = { data: {}, rows };
  expect((await beginComparison(store, comparison, settings, inputs)).executions).toBe(1);
  await store.put(comparisonKeys.outcome(comparison), new Uint8Array());
  expect((await beginComparison(store, comparison, settings, inputs)).executions).toBe(2);
  expect(await store.get(comparisonKeys.outcome(comparison))).toBeUndefined();
  expect((await goOnWithComparison(store, comparison)).executions).toBe(3);
  await expect(goOnWithComparison(store, 'another')).rejects.toThrow('there is no such comparison');
});

it('of two that begin it at once, or go on with it, the later one is refused', async () => {
  const store = memoryStore();
  const settings = await fakeSettings();
  const begin = (found: Awaited<ReturnType<typeof readStoredRequest>>) =>
    beginComparison(store, comparison, settings, { data: {}, rows }, found);
  const refusal = `${comparison}: was begun by somebody else at the same time`;
  await begin(null);
  await expect(begin(null)).rejects.toThrow(refusal);
  const found = await readStoredRequest(store, comparison);
  await goOnWithComparison(store, comparison, found);
  await expect(begin(found)).rejects.toThrow(refusal);
  await expect(goOnWithComparison(store, comparison, found)).rejects.toThrow(refusal);
  expect((await readComparison(store, comparison)).executions).toBe(2);
});

it('its data may move, and may not change', async () => {
  const store = memoryStore();
  const settings = await fakeSettings();
  const { path } = inputsOf(settings)[0]!;
  await beginComparison(store, comparison, settings, { data: { [path]: 'a1' }, rows });
  const moved = movedTo(settings, '/elsewhere/data.hdf5');
  await beginComparison(store, comparison, moved, { data: { '/elsewhere/data.hdf5': 'a1' }, rows });
  await expect(beginComparison(store, comparison, settings, { data: { [path]: 'b2' }, rows })).rejects.toThrow(
    /arms\.plain: .*dataset\.path.*content a1.*content b2/,
  );
  expect((await readComparison(store, comparison)).executions).toBe(2);
});

it('an arm that was taken out may come back as it was, and as no other', async () => {
  const store = memoryStore();
  const inputs = { data: {}, rows };
  const arms = { plain: { balance: 'off' }, a: {} };
  const begin = async (more: object) =>
    beginComparison(store, comparison, await fakeSettings({ arms: { ...arms, ...more } }), inputs);
  await begin({ b: { 'training.epochs': 3 } });
  await begin({});
  await begin({});
  await expect(begin({ b: { 'training.epochs': 1 } })).rejects.toThrow('arms.b: training.epochs: 3 -> 1');
  expect((await begin({ b: { 'training.epochs': 3 } })).former).toBeUndefined();
});

it('its runs read their data where the addresses say', async () => {
  const store = memoryStore();
  const settings = await fakeSettings({ rates: undefined, seeds: { test: [1] } });
  const { path } = inputsOf(settings)[0]!;
  const address = 's3://bucket/validation/1-data.hdf5?versionId=2';
  await beginComparison(store, comparison, settings, { data: {}, rows, addresses: { [path]: address } });
  await doFake(store);
  const { config } = await readRequest(store, comparisonKeys.run(comparison, 'test-plain-1'));
  expect(config.dataset.path).toBe(address);
});
