/** What other systems are told of a run: a file for each event, written once, in the run's folder. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { comparisonOfRun } from '../checkpoints/comparison-keys.ts';
import { encodeJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import type { RunConfig } from '../config/run-file.ts';
import { messageOf } from '../core/errors.ts';
import { eachPath } from '../datasets/data-path.ts';
import type { Progress } from '../decisions/decide.ts';
import { spentUsd } from '../decisions/spending.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import type { TaskContext } from './context.ts';
import { type EpochMetrics, explainOutcome, type OutcomeRecord } from './records.ts';

/** The source of events in EventBridge, which rules look for. */
export const eventSource = 'tempbalance';

const number = z.number().nullable();
const best = z
  .object({ epoch: z.int().nonnegative(), value: z.number() })
  .nullable()
  .describe('The best epoch so far, by the convergence metric. null: there is none yet.');
const usd = number.describe('Cost of the run so far, in US dollars. null: it is not metered.');
const seconds = z.number().nonnegative().describe('Wall time of the run so far.');

const common = {
  version: z.literal(1),
  id: z.string().describe('Id of the event. It is the same when the event is delivered again.'),
  service: z.string().describe('The setting `name` of the deployment.'),
  run: z.string().describe('Key prefix of the run in the bucket, as in `runs/burgers-1f3a9c0d2b4e`.'),
  profile: z.string().nullable().describe('The profile of the data set. null: the run has no profile.'),
  comparison: z
    .string()
    .nullable()
    .describe('Key prefix of the comparison that the run belongs to. null: it belongs to none.'),
  epoch: z.int().nonnegative().describe('The epoch that was committed, or at which the run begins, ends or fails.'),
  at: z.iso.datetime(),
};

const ended = {
  reason: z.string().describe('Why the run ended, in words.'),
  best,
  seconds: seconds.nullable(),
  usd,
  model: z.string().nullable().describe('Address of the folder with the exported model. null: there is none.'),
  report: z.string().nullable().describe('Address of the report. null: there is none.'),
};

/** The contents of an event, by its kind. */
export const runEventSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('started'),
    ...common,
    epochs: z.int().describe('Number of epochs to train.'),
    resumed: z.boolean().describe('Whether the run goes on from a commit.'),
  }),
  z.strictObject({
    kind: z.literal('epoch'),
    ...common,
    epochs: z.int().describe('Number of epochs to train.'),
    metric: z.string().describe('The convergence metric.'),
    metrics: z.record(z.string(), number).describe('Metrics on the validation data. null: the value is not finite.'),
    best,
    trainLoss: number.describe('Mean loss over the steps. null: epoch 0, the model before training.'),
    alphas: z
      .object({ mean: number, std: number, layers: z.int().nonnegative() })
      .nullable()
      .describe('Power-law exponents of the layers that could be fitted. null: the epoch was not analysed.'),
    seconds,
    epochSeconds: number.describe('Seconds of training and evaluation of this epoch.'),
    usd,
  }),
  z.strictObject({
    kind: z.literal('budgetWarning'),
    ...common,
    limit: z.enum(['hours', 'usd']).describe('The limit of `budget` that it is about.'),
    of: z.number().describe('The limit itself.'),
    used: z.number().describe('How much of the limit is used, in the same unit.'),
  }),
  z.strictObject({
    kind: z.literal('completed'),
    ...common,
    outcome: z.enum(['completed', 'converged']),
    ...ended,
  }),
  z.strictObject({ kind: z.literal('budget'), ...common, outcome: z.literal('budget'), ...ended }),
  z.strictObject({ kind: z.literal('failed'), ...common, outcome: z.enum(['failed', 'diverged']), ...ended }),
]);
export type RunEvent = z.infer<typeof runEventSchema>;
type Kind = RunEvent['kind'];

/** EventBridge's `detail-type` of each kind of event. */
export const detailTypes: Readonly<Record<Kind, string>> = {
  started: 'Run started',
  epoch: 'Run epoch',
  budgetWarning: 'Run budget warning',
  completed: 'Run completed',
  budget: 'Run budget used up',
  failed: 'Run failed',
};

export const runEventJsonSchema = () => z.toJSONSchema(runEventSchema);

/** Those by which a run ends; Prepare takes them away when it goes on, so that its next end is told, too. */
const endings = ['completed', 'budget', 'failed'] as const satisfies readonly Kind[];

/** The profile that a deployed run is of, by its data set; undefined for other runs. */
export function profileOfRun({ dataset }: Pick<RunConfig, 'dataset'>): string | undefined {
  const [path = ''] = eachPath(dataset.path);
  return /^s3:\/\/[^/]+\/datasets\/([^/]+)\//.exec(path)?.[1];
}

type Body<Each = RunEvent> = Each extends RunEvent
  ? Omit<Each, 'version' | 'id' | 'service' | 'profile' | 'comparison' | 'at'>
  : never;

/**
 * Notes an event for those who are told of runs, once for each run, kind and occasion, which is the epoch where nothing else is said:
 * the deployment publishes what is noted. That it can't be noted fails no task.
 */
export async function announce(
  ctx: TaskContext,
  config: RunConfig | undefined,
  body: Body,
  occasion: string | number = body.epoch,
): Promise<void> {
  const { service } = ctx;
  if (service === undefined) return;
  const { run, kind } = body;
  const at = ctx.now().toISOString();
  const event = {
    version: 1,
    ...body,
    id: `evt_${createHash('sha256')
      .update(JSON.stringify([run, kind, occasion, at]))
      .digest('hex')
      .slice(0, 32)}`,
    service,
    profile: (config && profileOfRun(config)) ?? null,
    comparison: comparisonOfRun(run) ?? null,
    at,
  };
  try {
    await ctx.store.putIfAbsent(runKeys.event(run, kind, occasion), encodeJson(event));
  } catch (error) {
    ctx.emit({ type: 'warning', message: `the event "${kind}" of the run could not be noted: ${messageOf(error)}` });
  }
}

/** Forgets that a run had ended, where it goes on. */
export async function forgetEnd({ store, service }: TaskContext, run: string): Promise<void> {
  if (service === undefined) return;
  for (const key of await store.list(runKeys.events(run))) {
    if (endings.some((kind) => key.startsWith(`${runKeys.events(run)}${kind}-`))) await store.delete(key);
  }
}

/** Notes the event of a committed epoch. */
export async function announceEpoch(
  ctx: TaskContext,
  run: string,
  config: RunConfig,
  {
    progress,
    measured,
    spectra,
  }: { progress: Progress; measured: EpochMetrics | undefined; spectra: SpectraReport | undefined },
): Promise<void> {
  const { epoch, seconds } = progress;
  await announce(ctx, config, {
    kind: 'epoch',
    run,
    epoch,
    epochs: config.training.epochs,
    metric: config.convergence.metric,
    metrics: measured?.metrics ?? {},
    best: bestOf(progress),
    trainLoss: measured?.trainLoss ?? null,
    alphas: spectra
      ? { mean: spectra.summary.alphaMean, std: spectra.summary.alphaStd, layers: spectra.summary.analysed }
      : null,
    seconds,
    epochSeconds: measured?.seconds ?? null,
    usd: progress.usd ?? null,
  });
}

/** The share of a budget at which its owner is warned. */
const warningShare = 0.8;

/** Warns once of each limit of a budget, at the first commit after which most of it is used. */
export async function warnOfBudget(
  ctx: TaskContext,
  run: string,
  config: RunConfig,
  progress: Progress,
): Promise<void> {
  const { hours, usd } = config.budget;
  const limits = [
    { limit: 'hours', of: hours, used: progress.seconds / 3600 },
    { limit: 'usd', of: usd, used: spentUsd(progress, config.budget) ?? 0 },
  ] as const;
  for (const { limit, of, used } of limits) {
    if (of === undefined || used < warningShare * of) continue;
    const occasion = `${limit}-${of}`;
    await announce(ctx, config, { kind: 'budgetWarning', run, epoch: progress.epoch, limit, of, used }, occasion);
  }
}

const bestOf = ({ best }: Progress) => best && { epoch: best.epoch, value: best.value };

/** Notes the event of a run that has a model and has ended. */
export async function announceEnd(
  ctx: TaskContext,
  run: string,
  config: RunConfig,
  { epoch, record, progress, usd }: EndOfRun,
): Promise<void> {
  const place = `${ctx.store.label}/${run}`;
  const { outcome } = record;
  const body = {
    run,
    epoch,
    reason: explainOutcome(record),
    best: progress ? bestOf(progress) : null,
    seconds: progress?.seconds ?? null,
    usd: usd ?? progress?.usd ?? null,
    model: `${place}/model/`,
    report: `${place}/report.html`,
  };
  if (outcome === 'budget') await announce(ctx, config, { kind: 'budget', outcome, ...body });
  else if (outcome === 'completed' || outcome === 'converged') {
    await announce(ctx, config, { kind: 'completed', outcome, ...body });
  } else await announce(ctx, config, { kind: 'failed', outcome: 'diverged', ...body });
}

interface EndOfRun {
  readonly epoch: number;
  readonly record: OutcomeRecord;
  readonly progress: Progress | undefined;
  readonly usd: number | undefined;
}

/** The most characters of an error in an event. */
const longestReason = 4000;

/** Notes the event of a run that an error has ended. */
export async function announceFailure(
  ctx: TaskContext,
  run: string,
  { epoch, reason }: { epoch: number; reason: string },
  known: { readonly config: RunConfig; readonly progress: Progress | undefined } | undefined,
): Promise<void> {
  const { progress } = known ?? {};
  await announce(ctx, known?.config, {
    kind: 'failed',
    outcome: 'failed',
    run,
    epoch,
    reason: reason.slice(0, longestReason),
    best: progress ? bestOf(progress) : null,
    seconds: progress?.seconds ?? null,
    usd: progress?.usd ?? null,
    model: null,
    report: null,
  });
}
