/** What a training task leaves in the store, since the workflow sees no more of a job than its description. */
import { z } from 'zod';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { encodeJson, readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { type PipelineState, stateSchema } from './messages.ts';

const resultSchema = z.union([
  z.object({ state: stateSchema }),
  z.object({ error: z.object({ name: z.string(), message: z.string() }) }),
]);
/** The state after the task, or the error for which it is not to be run again. */
export type TaskResult = z.infer<typeof resultSchema>;

/** Task and workflow derive it from the state before the task: no other execution, epoch or try has the same. */
const keyOf = ({ run, epoch, execution, job }: PipelineState) => runKeys.result(run, epoch, execution, job.try);

/** @param before the state that the task was given. */
export async function writeResult(store: ArtifactStore, before: PipelineState, result: TaskResult): Promise<void> {
  await store.put(keyOf(before), encodeJson(result));
}

/** Undefined when the task left nothing: it was cut off, or failed in a way that may pass. */
export const readResult = (store: ArtifactStore, before: PipelineState): Promise<TaskResult | undefined> =>
  readJson(store, keyOf(before), resultSchema);
