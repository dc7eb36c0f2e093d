import { type Damage, recover } from '../../checkpoints/commit.ts';
import { decodeJson, encodeJson } from '../../checkpoints/json.ts';
import type { Manifest } from '../../checkpoints/manifest.ts';
import { prune } from '../../checkpoints/prune.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import { describeChanges, refuseFixedChanges } from '../../config/changes.ts';
import type { RunConfig } from '../../config/run-file.ts';
import { settledBefore, settleProblem } from '../../config/settle-problem.ts';
import { elapsedSeconds } from '../../core/elapsed.ts';
import { messageOf, TransientError, UserError } from '../../core/errors.ts';
import { type DataPath, eachPath, mapPathAsync, pathInWords } from '../../datasets/data-path.ts';
import { type Fingerprint, fingerprintFiles } from '../../datasets/fingerprint.ts';
import { type OtherFiles, ofOtherFiles, otherFilesOf } from '../../datasets/registry.ts';
import { chooseTarget, type Market, type Target } from '../../decisions/compute.ts';
import type { Decision } from '../../decisions/decide.ts';
import { jobMemory, refuseFunctionTooSmall, refuseJobTooSmall, wholeSize } from '../../decisions/memory.ts';
import { type JobPrice, paysForJob } from '../../decisions/spending.ts';
import { gpuChoice } from '../../engines/gpu-machine.ts';
import { analysisFlops } from '../../spectra/analyse.ts';
import { totalCount } from '../../tensors/tensor.ts';
import type { StepWork, WorkloadPlan } from '../../training/workload.ts';
import { describeBalance, inOneLine, refuseUnchangingRates } from '../balance-description.ts';
import { computeState, costTags, jobName, type SpentUntil } from '../compute.ts';
import type { ComputeChoice, ComputeRequest, Quota, TaskContext } from '../context.ts';
import { decideAfter } from '../decide-next.ts';
import { countedFrom, handedOver } from '../hand-over.ts';
import { eventsOfStart } from '../history.ts';
import { budgetTooSmall, jobPrice } from '../job-price.ts';
import type { PipelineState, PrepareInput } from '../messages.ts';
import { spentSoFar } from '../metering.ts';
import { refuseUnpublishable } from '../publication.ts';
import { isSameData, progressOf, type RunRecord, readRequest, runRecordSchema } from '../records.ts';
import { fingerprintBase, refuseOtherBase } from '../run-base.ts';
import { announce, forgetEnd } from '../run-events.ts';
import { modelOfPlan, type RunModel } from '../run-model.ts';
import { conv1dOf, openRunSolver, spectraSettings } from '../run-solver.ts';
import { refuseOtherModel } from '../same-model.ts';
import { removeStaleTest, testedFirst } from '../test-data.ts';

/**
 * Checks settings, data and weights, and begins a run or goes on with it from its last intact epoch. Needs no engine: what
 * has to be computed, the training task computes.
 */
export async function prepare(
  ctx: TaskContext,
  { run, startedAt: executionStart, executionName }: PrepareInput,
): Promise<PipelineState> {
  const { config: asked, handedOver: handover } = await readRequest(ctx.store, run);
  refuseUnpriced(ctx, asked);
  refuseUnpublishable(ctx, asked);
  const startedAt = (executionStart === undefined ? ctx.now() : new Date(executionStart)).toISOString();
  const stored = await ctx.store.get(runKeys.record(run));
  const before = stored && decodeJson(runKeys.record(run), stored.bytes, runRecordSchema);
  const open = settledBefore(asked, before?.config);
  if (before) refuseFixedChanges(before.config, open);
  const dataset = await fingerprints(ctx, open.dataset);
  if (before && !isSameData(before.dataset, dataset)) {
    throw new UserError('the data set is not the one that the run began with', {
      where: pathInWords(open.dataset.path),
      remedy: 'Put the old file back, or start a new run for the new data.',
    });
  }
  const plan = await ctx.planWorkload(open);
  const config = settleProblem(open, plan.problemType);
  if (before) await refuseOtherModel(ctx, run, before, plan, config);
  const drawn = before ? before.drawn : plan.drawn;
  const described = {
    ...(await recordOf(ctx, plan)),
    ...(drawn === undefined ? {} : { drawn: drawn === 'all' ? drawn : [...drawn] }),
    dataset: { path: config.dataset.path, ...dataset, ...plan.data, stepsPerEpoch: plan.stepsPerEpoch },
  };
  const model = modelOfPlan(config, plan);
  const timed = { config, dataset: described.dataset };
  refuseUnchangingRates(timed);
  const balance = describeBalance(model, timed);
  for (const message of [...(plan.warnings ?? []), ...(balance?.notes ?? [])]) ctx.emit({ type: 'warning', message });
  if (before?.adapter && described.adapter) refuseOtherBase(before.adapter.base, described.adapter.base);
  const { manifest, damage } = await recover(ctx.store, run);
  const conv1d = conv1dOf(config, before?.conv1d);
  const { noQuota, ...place } = await firstPlace(ctx, { config, conv1d }, model, plan);
  const since = countedFrom(new Date(startedAt), handover, manifest?.committedAt);
  const spentNow = async () => {
    const until = ctx.now();
    return { ...(await spentSoFar(ctx, run, elapsedSeconds(since, until))), until };
  };
  const execution = ctx.newAttempt();
  const stateWith = (decision: Decision, spent: SpentUntil): PipelineState => ({
    run,
    execution,
    startedAt: since.toISOString(),
    epoch: manifest ? manifest.epoch + 1 : 0,
    attempt: '',
    files: {},
    decision,
    compute: computeState(ctx, config, place, spent),
    job: { name: jobName(run), try: 0, failures: 0, ...costTags(run, config) },
    events: eventsOfStart(),
  });
  if (noQuota) {
    const leaving = { run, execution: executionName ?? execution, seconds: elapsedSeconds(since, ctx.now()) };
    const elsewhere = await handedOver(ctx, leaving, noQuota.what);
    if (elsewhere.decision) return stateWith(elsewhere.decision, await spentNow());
    const remedy = elsewhere.refusal === undefined ? noQuota.remedy : `${noQuota.remedy}\n  ${elsewhere.refusal}`;
    throw new UserError(noQuota.what, { where: 'compute.target', remedy });
  }
  const weightNotes: string[] = [];
  if (!manifest) await plan.initial((note) => weightNotes.push(note));
  for (const message of weightNotes) ctx.emit({ type: 'warning', message });
  const spent = await spentNow();
  if (!manifest && !paysForJob(spent, config.budget, place.price)) {
    throw budgetTooSmall(config, spent, place.price, 'no job was started');
  }
  const { solver } = await openRunSolver(ctx, model, { config, conv1d }, before?.versions.solver);
  const engine = before?.versions.engine;
  const versions = { ...ctx.versions, ...(engine === undefined ? {} : { engine }), solver };
  const engineChoice = chosenBefore(before, config);
  const history = historyOf(before, { config, versions }, manifest, damage);
  for (const what of history.notes) ctx.emit({ type: 'warning', message: what });

  const decision = manifest && (await goOn(ctx, run, config, manifest, place.price, since));
  if (before && config.dataset.test) await removeStaleTest(ctx, run, manifest);
  const record: RunRecord = {
    version: 1,
    name: run.split('/').at(-1)!,
    config,
    seed: config.training.seed,
    conv1d,
    ...described,
    versions,
    ...(engineChoice ? { engineChoice } : {}),
    history: [
      ...(before?.history ?? []),
      ...[...history.notes, ...weightNotes, history.begun].map((what) => ({ at: startedAt, what })),
    ],
  };
  for (const [name, bytes] of plan.files ?? []) await ctx.store.put(runKeys.model(run, name), bytes);
  await writeRecord(ctx, run, record, stored?.etag);
  await ctx.store.delete(runKeys.outcome(run));
  await forgetEnd(ctx, run);
  const balanced = balance ? { balanced: inOneLine(balance) } : {};
  ctx.emit({ type: 'prepared', run, epoch: manifest?.epoch ?? 0, epochs: config.training.epochs, ...balanced });
  const first: Decision = { next: 'train', outcome: 'running', reason: 'the model is measured before training' };
  const state = stateWith(decision ?? first, spent);
  await announce(ctx, config, {
    kind: 'started',
    run,
    epoch: state.epoch,
    epochs: config.training.epochs,
    resumed: manifest !== undefined,
  });
  return testedFirst(ctx, state, config);
}

/**
 * What `training.engine: auto` has taken for the run, unless it is set anew. Earlier versions noted nothing: a run that computes on the
 * processor stays there.
 */
function chosenBefore(before: RunRecord | undefined, { training }: RunConfig): RunRecord['engineChoice'] {
  if (training.engine !== 'auto' || before?.config.training.engine !== 'auto') return undefined;
  const isOnOnnx = /^onnxruntime-node [^,]+, \d+ threads?$/.test(before.versions.engine ?? '');
  return before.engineChoice ?? (isOnOnnx ? { engine: 'onnx' } : undefined);
}

/** The parts of the record by which the model is built again. */
async function recordOf(
  ctx: TaskContext,
  { model, adapter }: WorkloadPlan,
): Promise<Pick<RunRecord, 'model' | 'adapter'>> {
  if (!model) return {};
  const config = model as RunRecord['model'];
  if (!adapter) return { model: config };
  const { base: path } = adapter;
  const base = { path, ...(await fingerprintBase(await ctx.localPath(path))) };
  return { model: config, adapter: { config: adapter.config, base } };
}

/** What identifies the data, and files of their own to validate and to test on. */
async function fingerprints(
  ctx: TaskContext,
  dataset: RunConfig['dataset'],
): Promise<Fingerprint & OtherFiles<Fingerprint>> {
  const of = async (path: DataPath) => fingerprintFiles(eachPath(await mapPathAsync(path, ctx.localPath)));
  return { ...(await of(dataset.path)), ...(await ofOtherFiles(otherFilesOf(dataset), of)) };
}

/** @throws TransientError when another execution has written it since it was read: what that one noted must not be lost. */
async function writeRecord({ store }: TaskContext, run: string, record: RunRecord, etag: string | undefined) {
  const key = runKeys.record(run);
  const bytes = encodeJson(record);
  const written = etag === undefined ? store.putIfAbsent(key, bytes) : store.putIfMatch(key, bytes, etag);
  if ((await written) !== undefined) return;
  throw new TransientError('another execution of the run was writing it', { where: `${store.label}/${key}` });
}

/** @throws UserError when dollars are to be counted by a price that is not known. */
function refuseUnpriced({ meter }: TaskContext, { budget }: RunConfig): void {
  if (meter || budget.usd === undefined || budget.usdPerHour !== undefined) return;
  throw new UserError('a budget in dollars needs budget.usdPerHour, the price of this machine', {
    where: 'budget.usd',
    remedy: 'For example: --set budget.usdPerHour=0.5. A deployed run is metered by the prices of its region.',
  });
}

/** Why the account may have no machine of a kind, and what mends it: a job would wait in vain. */
interface NoQuota {
  readonly what: string;
  readonly remedy: string;
}

/** Where an execution begins to train, on Spot instances unless the settings say otherwise; and at what price. */
async function firstPlace(
  ctx: TaskContext,
  { config, conv1d }: Pick<RunRecord, 'config' | 'conv1d'>,
  { layers, parameters, frozen, shapeOf }: RunModel,
  work: StepWork & Pick<WorkloadPlan, 'frozenHalves'>,
): Promise<{ target: Target; market: Market; interruptions: number; price: JobPrice | undefined; noQuota?: NoQuota }> {
  const { frozenHalves } = work;
  const isOfTexts = config.model.family === 'huggingface';
  const size = { trained: totalCount(parameters), frozen: totalCount(frozen), frozenHalves, parameters, isOfTexts };
  const count = wholeSize(size);
  const target = chooseTarget(config.compute.target, { parameters: count, stepFlops: work.stepFlops });
  const { market, noQuota } = await marketWithin(ctx, target, config.compute.spot ? 'spot' : 'onDemand');
  const { machine, engines } = ctx.computeFor({ target, market });
  refuseMissingEngine(config, target, engines);
  refuseJobTooSmall(size, jobMemory(size, config.training, target, work), target, machine);
  if (ctx.meter) refuseFunctionTooSmall(count, ctx.meter.functionGb);
  const flops = analysisFlops(layers, spectraSettings({ config, conv1d }), shapeOf);
  return {
    target,
    market,
    interruptions: 0,
    price: await jobPrice(ctx, config, machine, flops),
    ...(noQuota ? { noQuota } : {}),
  };
}

/** The market where the account may have a machine: the one that is asked for or, where its quota of Spot machines is 0, on-demand. */
async function marketWithin(
  ctx: TaskContext,
  target: Target,
  asked: Market,
): Promise<{ readonly market: Market; readonly noQuota?: NoQuota }> {
  const quota = await quotaFor(ctx, { target, market: asked });
  if (!quota || quota.jobs > 0) return { market: asked };
  const other = asked === 'spot' ? await quotaFor(ctx, { target, market: 'onDemand' }) : undefined;
  if (asked === 'spot' && (!other || other.jobs > 0)) {
    ctx.emit({ type: 'warning', message: `${quota.found}: trained on demand. ${quota.remedy}` });
    return { market: 'onDemand' };
  }
  const what = `a job would wait in vain: ${[quota, other].flatMap((each) => each?.found ?? []).join('; ')}`;
  const remedy = `${(other ?? quota).remedy} Or train without a GPU: --set compute.target=cpu.`;
  return { market: asked, noQuota: { what, remedy } };
}

/** What the account may have; that it can't be asked is told, and stops no run. */
async function quotaFor(ctx: TaskContext, request: ComputeRequest): Promise<Quota | undefined> {
  try {
    return await ctx.quotaFor?.(request);
  } catch (error) {
    ctx.emit({ type: 'warning', message: `the quota of GPU machines could not be asked: ${messageOf(error)}` });
    return undefined;
  }
}

/** @throws UserError when jobs on machines of that kind don't have the engine that is asked for. */
function refuseMissingEngine(
  { training: { engine } }: RunConfig,
  target: Target,
  engines: ComputeChoice['engines'] = [engine],
): void {
  if (engines.includes(engine)) return;
  const others = engines.join(', ');
  throw new UserError(`a deployed run that trains on compute.target ${target} has no engine ${engine}`, {
    where: 'training.engine',
    remedy: `Choose one of ${others}${target === 'cpu' && gpuChoice(engine) ? ', or compute: gpu' : ''}.`,
  });
}

function historyOf(
  before: RunRecord | undefined,
  now: Pick<RunRecord, 'config' | 'versions'>,
  manifest: Manifest | undefined,
  damage: readonly Damage[],
): { notes: string[]; begun: string } {
  const reported = damage.filter(
    ({ epoch, what }) => what !== 'is missing' || epoch > damage[0]!.epoch - now.config.output.keep,
  );
  return {
    notes: [
      ...(manifest ? reported.map((each) => `${each.key} ${each.what}: ${mended(each, manifest)}`) : []),
      ...(before ? describeChanges(before.config, now.config) : []),
      ...(before ? describeChanges({ versions: before.versions }, { versions: now.versions }) : []),
    ],
    begun: manifest ? `resumed after epoch ${manifest.epoch}` : 'started',
  };
}

const mended = (damage: Damage, { epoch }: Manifest) =>
  damage.epoch > epoch ? `went back to epoch ${epoch}, the last intact one` : `made anew from epoch ${epoch}`;

/** Puts right what an interruption may have left undone after the last commit, and decides anew. */
async function goOn(
  ctx: TaskContext,
  run: string,
  config: RunConfig,
  manifest: Manifest,
  price: JobPrice | undefined,
  startedAt: Date,
): Promise<Decision> {
  const progress = await progressOf(ctx.store, manifest);
  await ctx.store.put(runKeys.best(run), encodeJson(progress.best));
  await prune(ctx.store, manifest, {
    keep: config.output.keep,
    best: progress.best?.epoch,
    epochs: Array.from({ length: manifest.epoch + 1 }, (_, epoch) => epoch),
  });
  return decideAfter(ctx, manifest, config, price, startedAt);
}
