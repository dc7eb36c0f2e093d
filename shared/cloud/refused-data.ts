/** Which versions of data sets no run can be made of, so that a schedule does not try them again and again. */
import { z } from 'zod';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { encodeJson, readJson } from '../checkpoints/json.ts';
import { digestOf } from '../pipeline/execution-name.ts';

/** A version of a data set below `datasets/<profile>/`. */
export interface DatasetVersion {
  readonly profile: string;
  readonly key: string;
  readonly versionId?: string | undefined;
}

const refusalSchema = z.object({
  version: z.literal(1),
  at: z.string(),
  run: z.string().describe('The run that could not be made of it.'),
  key: z.string(),
  reason: z.string(),
});
export type Refusal = z.infer<typeof refusalSchema>;

const refusalKey = ({ profile, key, versionId }: DatasetVersion): string =>
  `rejected-versions/${profile}/${digestOf(JSON.stringify([key, versionId ?? null]))}.json`;

/** Notes why no run can be made of a version. */
export async function noteRefusal(
  store: ArtifactStore,
  dataset: DatasetVersion,
  refusal: Pick<Refusal, 'at' | 'run' | 'reason'>,
): Promise<void> {
  await store.put(refusalKey(dataset), encodeJson({ version: 1, ...refusal, key: dataset.key }));
}

/** Why no run could be made of a version; undefined where nothing is noted. */
export const refusalOf = (store: ArtifactStore, dataset: DatasetVersion): Promise<Refusal | undefined> =>
  readJson(store, refusalKey(dataset), refusalSchema);

/** Takes a note back: a run was made of the version after all. */
export async function forgetRefusal(store: ArtifactStore, dataset: DatasetVersion): Promise<void> {
  const key = refusalKey(dataset);
  if (await store.get(key)) await store.delete(key);
}
