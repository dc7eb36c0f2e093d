/** Trains an epoch in parts, and measures the model between them, where rates are set within the epoch. */
import type { HostTensors } from '../tensors/tensor.ts';
import type { EpochResult } from '../training/train-epoch.ts';
import type { Workload } from '../training/workload.ts';
import { balance, measure, measuredLayers } from './balanced-rates.ts';
import type { TaskContext } from './context.ts';
import { measurementsOf, stepsBefore } from './rate-timing.ts';
import type { Measurement, RateRecord, RunRecord } from './records.ts';

/** A trained epoch, with what was measured in the middle of it. */
export interface TrainedEpoch extends EpochResult {
  /** The rates in force at its end. */
  readonly rates: RateRecord;
  readonly measurements: readonly Measurement[];
}

/** What an epoch begins with. */
interface EpochStart {
  readonly epoch: number;
  readonly parameters: HostTensors;
  readonly state: HostTensors | undefined;
  readonly rates: RateRecord;
}

/** Trains an epoch; after each of its steps at which rates are set, the model is measured and the next part has the new rates. */
export async function trainParts(
  ctx: TaskContext,
  { record, workload }: { readonly record: RunRecord; readonly workload: Workload },
  { epoch, parameters, state, rates }: EpochStart,
  onStep: Parameters<Workload['train']>[4],
): Promise<TrainedEpoch> {
  const first = stepsBefore(record, epoch);
  const parts: EpochResult[] = [];
  const measurements: Measurement[] = [];
  let inForce = rates;
  const trainPart = async (from: number, to: number | undefined) => {
    const last = parts.at(-1) ?? { parameters, state };
    const part = { from, ...(to === undefined ? {} : { to }), ramp: inForce.ramp };
    parts.push(await workload.train(epoch, last.parameters, last.state, inForce.parameters, onStep, part));
    return parts.at(-1)!;
  };

  let from = 0;
  for (const to of measurementsOf(record, epoch)) {
    const trained = await trainPart(from, to);
    if (trained.diverged) return { ...joined(parts), rates: inForce, measurements };
    const values = { read: async (name: string) => trained.parameters.get(name)! };
    const spectra = await measure(ctx, record, values, measuredLayers(record));
    const set = balance(ctx, record, spectra, { steps: first + to, before: inForce });
    inForce = set.rates;
    measurements.push({ steps: first + to, ...set.report.summary, layers: inForce.layers });
    from = to;
  }
  await trainPart(from, undefined);
  return { ...joined(parts), rates: inForce, measurements };
}

/** The parts of an epoch as one: weights and state of the last part, losses and norms of all. */
function joined(parts: readonly EpochResult[]): EpochResult {
  const last = parts.at(-1)!;
  if (parts.length === 1) return last;
  const losses = parts.flatMap((part) => part.losses);
  const norms = parts.map(({ gradientNorm, losses: own }) => gradientNorm.mean * own.length);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    ...last,
    loss: sum(losses) / losses.length,
    losses,
    baseLearningRates: parts.flatMap(({ baseLearningRates }) => baseLearningRates),
    gradientNorm: {
      mean: sum(norms) / losses.length,
      largest: parts.map(({ gradientNorm }) => gradientNorm.largest).reduce((a, b) => Math.max(a, b)),
    },
  };
}
