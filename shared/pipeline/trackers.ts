/** A run's numbers for other programs (`output.trackers`), written behind its commits: what goes wrong there costs no run. */
import { runKeys } from '../checkpoints/run-keys.ts';
import { messageOf } from '../core/errors.ts';
import type { Outcome } from '../decisions/decide.ts';
import { trackerNamed } from '../reports/trackers/registry.ts';
import type { TrackedRun, Tracker, TrackerPlace } from '../reports/trackers/tracker.ts';
import type { TaskContext } from './context.ts';
import { readEpochPoints } from './epoch-points.ts';
import type { RunRecord } from './records.ts';

type Context = Pick<TaskContext, 'store' | 'emit'>;

/** Tells each tracker of the epochs that it lacks, up to this one, which is committed. */
export function trackEpoch(ctx: Context, run: string, record: RunRecord, epoch: number): Promise<void> {
  return forEach(ctx, run, record, async (tracker, place, tracked) => {
    const after = Math.min(await tracker.noted(place, tracked), epoch - 1);
    await tracker.note(place, tracked, await readEpochPoints(ctx.store, run, { after }));
  });
}

/** Tells each tracker that the run has ended. */
export function trackEnd(
  ctx: Context,
  run: string,
  record: RunRecord,
  { outcome, at }: { readonly outcome: Outcome; readonly at: string },
): Promise<void> {
  const succeeded = outcome !== 'failed' && outcome !== 'diverged';
  return forEach(ctx, run, record, async (tracker, place, tracked) => tracker.end?.(place, tracked, { succeeded, at }));
}

async function forEach(
  { store, emit }: Context,
  run: string,
  { name, config, history }: RunRecord,
  tell: (tracker: Tracker, place: TrackerPlace, tracked: TrackedRun) => Promise<void>,
): Promise<void> {
  for (const wanted of config.output.trackers ?? []) {
    const tracker = trackerNamed(wanted);
    const begunAt = history[0]?.at ?? new Date(0).toISOString();
    const tracked = { name, begunAt, config, modelAddress: `${store.label}/${run}/model` };
    try {
      await tell(tracker, { store, folder: runKeys.tracker(run, wanted) }, tracked);
    } catch (error) {
      emit({ type: 'warning', message: `output.trackers: ${wanted} could not be written: ${messageOf(error)}` });
    }
  }
}
