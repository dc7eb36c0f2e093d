import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { encodeJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { refuseFixedChanges } from '../config/changes.ts';
import type { Override } from '../config/parse-run-file.ts';
import type { RunConfig } from '../config/run-file.ts';
import { refuseIdleChange } from './idle-change.ts';
import type { RunRequest } from './records.ts';

/**
 * Writes the settings that a run is to go on with; Prepare notes what changed.
 * @param overrides what was set on top of the settings before.
 * @throws UserError when a setting differs that makes it another run, or the run has ended and nothing would be done by the settings.
 */
export async function changeRequest(
  store: ArtifactStore,
  run: string,
  request: RunRequest,
  { config, overrides }: { config: RunConfig; overrides: readonly Override[] },
): Promise<void> {
  refuseFixedChanges(request.config, config);
  await refuseIdleChange(store, run, request.config, config);
  const all = [...request.overrides, ...overrides.map(({ text }) => text)];
  await store.put(runKeys.request(run), encodeJson({ ...request, config, overrides: all }));
}
