import type { RunConfig } from '../shared/config/run-file.ts';
import { threadsAllowed } from '../shared/core/threads.ts';
import { type PriceTable, pricesOf } from '../shared/costs/prices.ts';
import { explainAssumptions } from '../shared/decisions/assumptions.ts';
import { cloudPlace, type Place, type PlannedRun, stepSecondsOf, thisMachine } from '../shared/decisions/estimate.ts';
import { isCompiledOn, numbersKept } from '../shared/decisions/memory.ts';
import type { EngineChoice } from '../shared/engines/engine.ts';
import { openWorkload } from '../shared/pipeline/open-workload.ts';
import { countAnalyses } from '../shared/pipeline/rate-timing.ts';
import { modelOfPlan } from '../shared/pipeline/run-model.ts';
import { conv1dOf, spectraSettings } from '../shared/pipeline/run-solver.ts';
import { analysisFlops } from '../shared/spectra/analyse.ts';
import { totalCount } from '../shared/tensors/tensor.ts';
import { measureStep } from '../shared/training/measure-step.ts';
import type { WorkloadPlan } from '../shared/training/workload.ts';
import { localPath } from './local-path.ts';

interface SampleCounts {
  readonly trainingSamples: number;
  readonly validationSamples: number;
  readonly testSamples?: number;
}

/** A run as what is estimated of it. */
export function plannedRun(config: RunConfig, workload: WorkloadPlan): PlannedRun {
  const { stepsPerEpoch, stepFlops, stepActivations, passes, data } = workload;
  const { parameters, frozen, layers, shapeOf } = modelOfPlan(config, workload);
  const { trainingSamples, validationSamples, testSamples } = data as unknown as SampleCounts;
  return {
    size: {
      parameters: totalCount(parameters),
      frozen: totalCount(frozen),
      stateNumbers: numbersKept(config.training, parameters),
      trainingSamples,
      validationSamples,
      ...(testSamples === undefined ? {} : { testSamples }),
      stepFlops,
      stepActivations,
      passes,
      stepsPerEpoch,
      analysisFlops: analysisFlops(layers, spectraSettings({ config, conv1d: conv1dOf(config, undefined) }), shapeOf),
      analysesPerEpoch: (countAnalyses({ config, dataset: { ...data, stepsPerEpoch } }) - 1) / config.training.epochs,
    },
    training: config.training,
    compute: config.compute,
    budget: config.budget,
    keep: config.output.keep,
  };
}

/** Where a run may be trained, here and deployed, with what is to be said of it. */
export function placesOf(
  { budget, size }: PlannedRun,
  engine: EngineChoice,
  options: {
    readonly region: string;
    readonly table: PriceTable;
    /** Only this kind of machine, besides this one; absent: both. */
    readonly target?: 'cpu' | 'gpu' | undefined;
    /** Time of a step that was measured here; absent: none was. */
    readonly stepSeconds?: number | undefined;
  },
): { places: Place[]; assumptions: string[] } {
  const { region, table, target, stepSeconds } = options;
  const prices = pricesOf(table, region);
  const targets = target ? [target] : (['cpu', 'gpu'] as const);
  const [threads, isCompiled] = [threadsAllowed(), isCompiledOn('cpu', engine)];
  const correction =
    stepSeconds === undefined
      ? undefined
      : stepSeconds / stepSecondsOf(size, thisMachine(budget, { threads, isCompiled }));
  const computing = { isCompiled, correction };
  const places = [
    thisMachine(budget, { threads, ...computing }),
    ...targets.map((each) => cloudPlace(each, prices, computing)),
  ];
  const assumptions = explainAssumptions({
    region,
    table,
    measured: stepSeconds === undefined ? undefined : { seconds: stepSeconds, correction: correction! },
    threads,
    isCompiled,
    gpuUsdPerSecond: places.find(({ name }) => name.startsWith('gpu'))?.countedUsdPerSecond,
  });
  return { places, assumptions };
}

/** Time of a step on this machine, in seconds. */
export async function measuredStep(config: RunConfig): Promise<number> {
  const note = (message: string) => process.stderr.write(`note: ${message}\n`);
  return measureStep(await openWorkload(config, note, localPath), () => performance.now());
}
