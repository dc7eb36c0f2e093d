/** Measuring a run on its test data, once, when it is about to end: the best epoch, which is exported, and the last. */
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { encodeJson } from '../checkpoints/json.ts';
import { type Manifest, readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import type { RunConfig } from '../config/run-file.ts';
import { elapsedSeconds } from '../core/elapsed.ts';
import { RunError, TransientError } from '../core/errors.ts';
import { paysForJob } from '../decisions/spending.ts';
import type { Workload } from '../training/workload.ts';
import { openCommittedTensors } from './attempt.ts';
import { limitsOf, sinceCommit } from './compute.ts';
import type { TaskContext } from './context.ts';
import { isTakenOver, leave } from './execution.ts';
import { finiteOrNull, refuseWhenInterrupted } from './make-epoch.ts';
import type { PipelineState } from './messages.ts';
import { spentSoFar } from './metering.ts';
import {
  modelFileOf,
  progressOf,
  readLastCommit,
  readRunRecord,
  readTest,
  type TestedEpoch,
  type TestRecord,
} from './records.ts';

/** Whether a run of these settings ends with a measurement on test data. */
export const endsWithTest = ({ dataset }: Pick<RunConfig, 'dataset'>): boolean => dataset.test?.evaluate ?? false;

/**
 * What was measured on test data, where it is of the best and the last epoch that there are now; undefined: they are still to be
 * measured. A best epoch that is damaged was not measured, and is not measured again.
 */
export async function readCurrentTest(
  store: ArtifactStore,
  run: string,
  head: Manifest,
): Promise<TestRecord | undefined> {
  const test = await readTest(store, run);
  if (test?.last.epoch !== head.epoch) return undefined;
  const { best } = await progressOf(store, head);
  return test.best === null || test.best.epoch === best?.epoch ? test : undefined;
}

/** Takes away what was measured on epochs that are no longer the best and the last: other ones may get their numbers. */
export async function removeStaleTest({ store }: TaskContext, run: string, head: Manifest | undefined): Promise<void> {
  if (!(await readTest(store, run))) return;
  if (head && (await readCurrentTest(store, run, head))) return;
  await store.delete(runKeys.test(run));
}

/** What is said of a run whose budget does not pay for a job that measures it on its test data. */
const untested = 'not measured on test data, for which the rest of the budget does not suffice';

/** The end of a run that can't be measured on its test data any more: how it ended stays, with a word on them. */
export function endUntested({ emit }: TaskContext, state: PipelineState): PipelineState {
  const { decision } = state;
  emit({ type: 'warning', message: untested });
  return { ...state, decision: { ...decision, next: 'finalise', reason: `${decision.reason}; ${untested}` } };
}

/**
 * The state, except that a run with test data that would end is measured on them first, within its budget; how it ended stays.
 * @param options.isTried whether a job was started for this epoch with this state: the next one leaves a result of its own
 */
export async function testedFirst(
  ctx: TaskContext,
  state: PipelineState,
  config: Pick<RunConfig, 'dataset' | 'budget'>,
  { isTried = false } = {},
): Promise<PipelineState> {
  const { run, decision, compute, job } = state;
  if (decision.next !== 'finalise' || !endsWithTest(config)) return state;
  const head = await readLastCommit(ctx.store, run);
  if (!head || (await readCurrentTest(ctx.store, run, head))) return state;
  const until = ctx.now();
  const spent = await spentSoFar(ctx, run, elapsedSeconds(sinceCommit(state, head), until));
  if (!paysForJob(spent, config.budget, compute.price)) return endUntested(ctx, state);
  return {
    ...state,
    epoch: head.epoch + 1,
    attempt: '',
    files: {},
    decision: { ...decision, next: 'test' },
    compute: { ...compute, ...limitsOf(compute, config, { ...spent, until }, ctx.now) },
    job: { ...job, try: job.try + (isTried ? 1 : 0), failures: 0 },
  };
}

/**
 * Measures the best and the last epoch on test data, and notes it in `test.json`; not where another execution has the run.
 * @returns the state from which the run ends.
 * @throws InterruptedError when this process was told to end.
 */
export async function measureTest(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  refuseWhenInterrupted(ctx);
  const { store } = ctx;
  const { run } = state;
  const head = await readLastCommit(store, run);
  if (!head) throw new RunError('has no epoch to be measured on test data', { where: `${store.label}/${run}` });
  if (isTakenOver(head, state) || head.epoch !== state.epoch - 1) return leave(ctx, state);
  const done: PipelineState = { ...state, decision: { ...state.decision, next: 'finalise' } };
  if (await readCurrentTest(store, run, head)) return done;
  const { config, engineChoice } = await readRunRecord(store, run);
  const workload = await ctx.openWorkload(config, engineChoice?.engine);
  const { best: chosen } = await progressOf(store, head);
  const last = await measured(ctx, workload, head);
  refuseWhenInterrupted(ctx);
  const best = chosen?.epoch === head.epoch ? last : chosen && (await measuredBest(ctx, workload, run, chosen.epoch));
  refuseWhenInterrupted(ctx);
  if (!(await write(ctx, head, { version: 1, best, last }))) return leave(ctx, state);
  const { metric } = config.convergence;
  const { epoch, metrics } = best ?? last;
  ctx.emit({ type: 'tested', run, epoch, metric: { name: metric, value: metrics[metric] ?? null } });
  return done;
}

async function measured(ctx: TaskContext, workload: Workload, manifest: Manifest): Promise<TestedEpoch> {
  const parameters = await (await openCommittedTensors(ctx, manifest, modelFileOf(manifest))).readAll();
  const { metrics, classes } = await workload.evaluate(parameters, 'test', { donates: true });
  return { epoch: manifest.epoch, metrics: finiteOrNull(metrics), ...(classes ? { classes } : {}) };
}

/** Null where the epoch is damaged: the last one is exported then. */
async function measuredBest(
  ctx: TaskContext,
  workload: Workload,
  run: string,
  epoch: number,
): Promise<TestedEpoch | null> {
  try {
    const manifest = await readManifest(ctx.store, run, epoch);
    return manifest ? await measured(ctx, workload, manifest) : null;
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    ctx.emit({ type: 'warning', message: `${error.message}; the best epoch (${epoch}) is not measured on test data` });
    return null;
  }
}

/**
 * @returns false when another execution has moved the run meanwhile.
 * @throws TransientError when another execution was writing it too.
 */
async function write({ store }: TaskContext, head: Manifest, test: TestRecord): Promise<boolean> {
  const { run } = head;
  const key = runKeys.test(run);
  // Read before the head is looked at: what is written in between is then not overwritten.
  const before = await store.get(key);
  const now = await readLastCommit(store, run);
  if (now?.epoch !== head.epoch || now.attempt !== head.attempt) return false;
  const bytes = encodeJson(test);
  const written = before ? store.putIfMatch(key, bytes, before.etag) : store.putIfAbsent(key, bytes);
  if ((await written) !== undefined) return true;
  throw new TransientError('another execution of the run was writing it', { where: `${store.label}/${key}` });
}
