/** Calls of functions that are under way, or were cut off: a note each, from the beginning of a call until its meter entry is written. */
import { z } from 'zod';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { encodeJson, readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';

const begunCallSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().describe('That of its meter entry.'),
  task: z.string(),
  memoryGb: z.number().positive(),
  startedAt: z.iso.datetime(),
  mostSeconds: z.number().nonnegative().describe('Billable; it is ended then.'),
  mostUsd: z.number().nonnegative().nullable().describe('Null where the price table does not have the region.'),
});
export type BegunCall = z.output<typeof begunCallSchema>;

const keyOf = (run: string, id: string) => `${runKeys.begunCalls(run)}${id}.json`;

export async function writeBegunCall(store: ArtifactStore, run: string, call: BegunCall): Promise<void> {
  await store.put(keyOf(run, call.id), encodeJson(call));
}

export async function readBegunCalls(store: ArtifactStore, run: string): Promise<BegunCall[]> {
  const keys = await store.list(runKeys.begunCalls(run));
  const calls = await Promise.all(keys.map((key) => readJson(store, key, begunCallSchema)));
  return calls.flatMap((call) => call ?? []);
}

export const forgetBegunCall = (store: ArtifactStore, run: string, id: string): Promise<void> =>
  store.delete(keyOf(run, id));
