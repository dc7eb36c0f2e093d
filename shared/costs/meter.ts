/** What the tasks of a run used of the cloud: an entry each, written once, in the folder of the epoch under way. */
import { z } from 'zod';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { decodeJson, encodeJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { resourceSchema } from './prices.ts';

const meterEntrySchema = z.strictObject({
  version: z.literal(1),
  run: z.string(),
  epoch: z.int().nonnegative().describe('The epoch after the last commit when the entry was written.'),
  task: z.string(),
  resource: resourceSchema,
  market: z.string().optional().describe('Of a training job; the price is the one on demand all the same.'),
  seconds: z.number().nonnegative().describe('Billable, as far as the task or the job service knows.'),
  writes: z.int().nonnegative().describe('Requests to S3 that write or list.'),
  reads: z.int().nonnegative().describe('Requests to S3 that read.'),
  transitions: z.int().nonnegative().describe('Of the workflow, about the task.'),
  usd: z.number().nonnegative().nullable().describe('Null where the price table does not have the region.'),
  at: z.iso.datetime(),
});
export type MeterEntry = z.output<typeof meterEntrySchema>;

/** @returns whether it is new: an entry is written once, however often it is tried. */
export async function writeMeterEntry(store: ArtifactStore, id: string, entry: MeterEntry): Promise<boolean> {
  const key = runKeys.meterEntry(entry.run, entry.epoch, id);
  return (await store.putIfAbsent(key, encodeJson(entry))) !== undefined;
}

/** The entries of an epoch, or those among them whose id begins so. */
export async function readMeterEntries(
  store: ArtifactStore,
  run: string,
  epoch: number,
  prefix = '',
): Promise<MeterEntry[]> {
  const keys = await store.list(`${runKeys.meter(run, epoch)}${prefix}`);
  const entries = await Promise.all(
    keys.map(async (key) => {
      const object = await store.get(key);
      return object ? [decodeJson(key, object.bytes, meterEntrySchema)] : [];
    }),
  );
  return entries.flat();
}

/** In US dollars; undefined where none of the entries has a price. */
export function usdOfEntries(entries: readonly MeterEntry[]): number | undefined {
  const priced = entries.flatMap(({ usd }) => (usd === null ? [] : [usd]));
  return priced.length === 0 ? undefined : priced.reduce((sum, usd) => sum + usd, 0);
}

/** What was used from an epoch on that no commit has counted yet, in US dollars. */
export async function openUsd(store: ArtifactStore, run: string, from: number): Promise<number> {
  let sum = 0;
  for (let epoch = from; ; epoch++) {
    const entries = await readMeterEntries(store, run, epoch);
    if (entries.length === 0) return sum;
    sum += usdOfEntries(entries) ?? 0;
  }
}
