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

/** An entry under its id: the task, and who did it. */
export interface NamedEntry {
  readonly id: string;
  readonly entry: MeterEntry;
}

/** @returns whether it is new: an entry is written once, however often it is tried. */
export async function writeMeterEntry(store: ArtifactStore, id: string, entry: MeterEntry): Promise<boolean> {
  const key = runKeys.meterEntry(entry.run, entry.epoch, id);
  return (await store.putIfAbsent(key, encodeJson(entry))) !== undefined;
}

/** Writes an entry anew. */
export async function replaceMeterEntry(store: ArtifactStore, id: string, entry: MeterEntry): Promise<void> {
  await store.put(runKeys.meterEntry(entry.run, entry.epoch, id), encodeJson(entry));
}

/** The entries of an epoch, or those among them whose id begins so. */
export async function readMeterEntries(
  store: ArtifactStore,
  run: string,
  epoch: number,
  prefix = '',
): Promise<MeterEntry[]> {
  return (await readNamedEntries(store, run, epoch, prefix)).map(({ entry }) => entry);
}

async function readNamedEntries(
  store: ArtifactStore,
  run: string,
  epoch: number,
  prefix: string,
): Promise<NamedEntry[]> {
  const folder = runKeys.meter(run, epoch);
  const keys = await store.list(`${folder}${prefix}`);
  const entries = await Promise.all(
    keys.map(async (key) => {
      const object = await store.get(key);
      const id = key.slice(folder.length, -'.json'.length);
      return object ? [{ id, entry: decodeJson(key, object.bytes, meterEntrySchema) }] : [];
    }),
  );
  return entries.flat();
}

/** In US dollars; undefined where none of the entries has a price. */
export function usdOfEntries(entries: readonly MeterEntry[]): number | undefined {
  const priced = entries.flatMap(({ usd }) => (usd === null ? [] : [usd]));
  return priced.length === 0 ? undefined : priced.reduce((sum, usd) => sum + usd, 0);
}

/** The entries from an epoch on, which no commit has counted yet. */
export async function readOpenEntries(store: ArtifactStore, run: string, from: number): Promise<NamedEntry[]> {
  const open: NamedEntry[] = [];
  for (let epoch = from; ; epoch++) {
    const entries = await readNamedEntries(store, run, epoch, '');
    if (entries.length === 0) return open;
    open.push(...entries);
  }
}

/** What was used from an epoch on that no commit has counted yet, in US dollars. */
export async function openUsd(store: ArtifactStore, run: string, from: number): Promise<number> {
  const open = await readOpenEntries(store, run, from);
  return usdOfEntries(open.map(({ entry }) => entry)) ?? 0;
}
