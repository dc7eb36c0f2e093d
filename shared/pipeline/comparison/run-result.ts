/** Reads the result of a comparison's run from its files. */
import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import { codeOf } from '../../checkpoints/disk-error.ts';
import { readJson } from '../../checkpoints/json.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import { type ComparisonSettings, runNameOf } from '../../config/comparison.ts';
import { RunError } from '../../core/errors.ts';
import { otherFilesOf } from '../../datasets/registry.ts';
import type { RunPlan, RunResult } from '../../decisions/comparison/design.ts';
import type { Progress } from '../../decisions/decide.ts';
import { compareRuns } from '../../reports/compare.ts';
import type { RunReport } from '../../reports/report-input.ts';
import { epochZero, lastEpoch, metricOf } from '../../reports/runs.ts';
import {
  explainOutcome,
  outcomeSchema,
  type RunRecord,
  readLastCommit,
  readProgress,
  readRequest,
  readRunRecord,
  readTest,
} from '../records.ts';
import { readRunReport } from '../run-report.ts';
import type { ComparisonRequest } from './records.ts';

/** The reason given for a run that left nothing. */
export const unfinished = 'it left no result';

/**
 * What a run came to; a run with damaged files has failed.
 * @param child key prefix of the run
 * @param error what the workflow says of its execution; absent: nothing went wrong there
 */
export async function resultOfRun(
  store: ArtifactStore,
  child: string,
  { settings, data }: { settings: Pick<ComparisonSettings, 'epoch' | 'arms'> } & Pick<ComparisonRequest, 'data'>,
  plan: RunPlan,
  error: string | undefined,
): Promise<RunResult> {
  try {
    return await readResultOfRun(store, child, { settings, data }, plan, error);
  } catch (damage) {
    if (!(damage instanceof RunError) || isOfDisk(damage)) throw damage;
    const [what] = damage.message.split('\n');
    return failedRun(plan, `${what}; delete the folder ${store.label}/${child}, and the run is done again`);
  }
}

/** Whether a file could not be read, rather than being damaged. */
const isOfDisk = ({ cause }: RunError) => cause instanceof Error && codeOf(cause) !== undefined;

/** The result of a run that failed before anything of it counts. */
const failedRun = (plan: RunPlan, reason: string) => ({
  ...plan,
  run: runNameOf(plan),
  status: 'failed' as const,
  reason,
  value: null,
  curve: [],
  alphaSpread: { first: null, last: null },
  seconds: 0,
  usd: null,
});

async function readResultOfRun(
  store: ArtifactStore,
  child: string,
  { settings, data }: Parameters<typeof resultOfRun>[2],
  plan: RunPlan,
  error: string | undefined,
): Promise<RunResult> {
  const { epoch } = settings;
  const failed = (reason: string) => failedRun(plan, reason);
  const outcome = await readJson(store, runKeys.outcome(child), outcomeSchema);
  if (!outcome || outcome.outcome === 'running') return failed(error ?? unfinished);
  if (!(await store.get(runKeys.record(child)))) return failed(explainOutcome(outcome));
  const changed = changedFile(settings, plan, { began: data, record: await readRunRecord(store, child) });
  if (changed !== undefined) return failed(`${changed} is no longer what it was when the comparison began`);
  const report = await readRunReport(store, child);
  const progress = await readLastProgress(store, child);
  const { name: metric } = report.metric;
  const measured = {
    curve: report.epochs.map((each) => metricOf(each, metric)),
    alphaSpread: compareRuns([report]).runs[0]!.alphaStd,
    ...(report.config.balance === 'off' ? {} : { ratesChanged: changedRates(report) }),
    seconds: progress?.seconds ?? 0,
    usd: report.cost?.usd ?? null,
  };
  if (outcome.outcome === 'failed') return { ...failed(explainOutcome(outcome)), ...measured };
  if (outcome.outcome === 'budget' && (await endedByShare(store, child, settings, plan))) {
    return { ...failed(explainOutcome(outcome)), ...measured, status: 'skipped' };
  }
  const status = outcome.outcome === 'diverged' ? 'diverged' : 'done';
  const isJudged = epoch === 'best' || status === 'done';
  const value = isJudged ? await judgedValue(store, child, report, { epoch, purpose: plan.purpose }) : null;
  if (value === undefined)
    return { ...failed(`was not measured on test data, though ${explainOutcome(outcome)}`), ...measured };
  return { ...plan, run: runNameOf(plan), status, reason: explainOutcome(outcome), value, ...measured };
}

/** A file of data that the run found to be another than the comparison did, which may have begun days before; undefined: none. */
function changedFile(
  { arms }: Pick<ComparisonSettings, 'arms'>,
  { arm }: RunPlan,
  { began, record }: { began: ComparisonRequest['data']; record: RunRecord },
): string | undefined {
  const { dataset } = arms.find(({ name }) => name === arm)!.config;
  const { validation, test } = otherFilesOf(dataset);
  const files = [
    // A run has one digest of several files; whether they changed, the next start finds out.
    { path: typeof dataset.path === 'string' ? dataset.path : undefined, found: record.dataset.sha256 },
    { path: validation, found: record.dataset.validation?.sha256 },
    { path: test, found: record.dataset.test?.sha256 },
  ];
  const isOther = ({ path, found }: (typeof files)[number]) => {
    const digest = path === undefined ? undefined : began[path];
    // Files in S3 are held to a version instead.
    return found !== undefined && digest !== undefined && isDigest.test(digest) && found !== digest;
  };
  return files.find(isOther)?.path;
}

const isDigest = /^[0-9a-f]{64}$/;

/** What a run has used so far, among others; undefined before its first epoch. */
export async function readLastProgress(store: ArtifactStore, child: string): Promise<Progress | undefined> {
  const head = await readLastCommit(store, child);
  return head && readProgress(store, head);
}

/** Whether a run that its budget ended had less of it than its arm is to have: it is then not what the others are. */
async function endedByShare(
  store: ArtifactStore,
  child: string,
  { arms }: Pick<ComparisonSettings, 'arms'>,
  { arm }: RunPlan,
): Promise<boolean> {
  const { config } = await readRequest(store, child);
  const own = arms.find(({ name }) => name === arm)!.config.budget;
  return config.budget.hours !== own.hours || config.budget.usd !== own.usd;
}

/** Whether any layer trained with another factor than 1, apart from that of its depth. */
const changedRates = ({ epochs }: RunReport): boolean =>
  epochs.some(({ applied }) =>
    applied.some(
      ({ learningRateMultiplier, layerDecay = 1, weightDecayMultiplier = 1, rhoMultiplier = 1 }) =>
        learningRateMultiplier !== layerDecay || weightDecayMultiplier !== 1 || rhoMultiplier !== 1,
    ),
  );

/**
 * The metric of the judged epoch: on validation data for a tuning run, on test data for a test run; null where it was no number, undefined
 * where it was not measured.
 */
async function judgedValue(
  store: ArtifactStore,
  child: string,
  report: RunReport,
  { epoch, purpose }: Pick<RunResult, 'purpose'> & Pick<ComparisonSettings, 'epoch'>,
): Promise<number | null | undefined> {
  const { name: metric } = report.metric;
  if (purpose === 'test') {
    const tested = await readTest(store, child);
    return tested && (tested[epoch]?.metrics[metric] ?? null);
  }
  if (epoch === 'best') return report.best?.value ?? null;
  const last = lastEpoch(report);
  return metricOf(last === 0 ? epochZero(report) : report.epochs.find((each) => each.epoch === last), metric);
}
