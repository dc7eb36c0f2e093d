import { randomFor } from '../../shared/core/random.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensor, type HostTensors } from '../../shared/tensors/tensor.ts';
import { multipliersAlong, rampShare } from '../../shared/training/applied-rates.ts';
import type { EpochResult, RateChanges } from '../../shared/training/train-epoch.ts';
import type { Workload } from '../../shared/training/workload.ts';

/** A model whose layers are just large enough to be balanced. */
export const fakeModel = { family: 'fno1d', modes: 1, width: 14, padding: 0, projection: 14 } as const;
const format = { kind: 'trajectories', space: [4], channels: 14, window: 1 } as const;
const { parameters: specs, layers } = buildModel(fieldModelSchema.parse(fakeModel), format);
const trained = specs.filter(({ name }) => name.endsWith('weight'));
const sizeOf = ({ shape }: { shape: readonly number[] }) => elementCount(shape);
const targets = new Map(
  trained.map((spec) => {
    const random = randomFor(11, 'target', spec.name);
    return [spec.name, Float32Array.from({ length: sizeOf(spec) }, random.normal)];
  }),
);

/** How the fake goes about an epoch; each is told the epoch. */
export interface FakeBehaviour {
  /** Called before an epoch is trained; may throw. */
  readonly onTrain?: (epoch: number) => void;
  readonly diverges?: (epoch: number) => boolean;
  /** Loss and gradient's norm where it diverges; NaN where absent. */
  readonly divergence?: { readonly loss: number; readonly gradientNorm: number };
  /** In place of the distance to the target. */
  readonly metric?: (epoch: number) => number;
  /** Optimizer steps in an epoch; absent: 1. */
  readonly stepsPerEpoch?: number;
  /** Whether an average of the weights is in the optimizer's state. */
  readonly averages?: boolean;
  /** The loss beside it; absent: none. */
  readonly loss?: (epoch: number) => number;
  /** What of the model it says was drawn. */
  readonly drawn?: Workload['drawn'];
}

/**
 * A workload that costs nothing: the dense layers of a small model move towards fixed targets with a momentum. What it does depends on
 * weights, optimizer state, epoch and rates, so that a run that loses any of them ends elsewhere.
 */
export function fakeWorkload({
  onTrain,
  diverges,
  divergence,
  metric,
  loss,
  drawn,
  stepsPerEpoch = 1,
  averages = false,
}: FakeBehaviour = {}): Workload {
  const epochOf = (state: HostTensors | undefined) => state?.get('step')?.data[0] ?? 0;
  let evaluated = 0;
  return {
    parameters: specs,
    layers,
    stepsPerEpoch,
    stepFlops: 1,
    stepActivations: 0,
    passes: 1,
    heldActivations: 0,
    dataBytes: 0,
    drawn,
    engine: 'fake 1.0',
    data: {
      trainingSamples: 3,
      space: format.space,
      channels: Array.from({ length: format.channels }, (_, n) => `c${n}`),
    },
    initial: async () =>
      new Map(
        specs.map((spec) => {
          const random = randomFor(5, 'initialise', spec.name);
          return [spec.name, { shape: spec.shape, data: Float32Array.from({ length: sizeOf(spec) }, random.normal) }];
        }),
      ),
    async train(epoch, parameters, state, rates, onStep, { ramp, changes } = {}): Promise<EpochResult> {
      onTrain?.(epoch);
      const after = new Map<string, HostTensor>(parameters);
      const left = new Map<string, HostTensor>(state);
      const steps = Array.from({ length: stepsPerEpoch }, (_, index) => index);
      let inForce: Awaited<ReturnType<RateChanges['set']>> = { rates, ramp };
      const ratesAt = (step: number) => {
        const share = rampShare(inForce.ramp, (epoch - 1) * stepsPerEpoch + step);
        return multipliersAlong(inForce.ramp?.from ?? {}, inForce.rates, share);
      };
      for (const step of steps) {
        onStep({ step: step + 1, steps: stepsPerEpoch, loss: 1 / epoch });
        for (const { name } of trained) {
          const { shape, data } = after.get(name)!;
          const momentum = left.get(name)?.data ?? new Float32Array(data.length);
          const noise = randomFor(3, 'noise', epoch, ...(stepsPerEpoch === 1 ? [] : [step]), name);
          const rate = 0.2 * (ratesAt(step)[name]?.learningRate ?? 1);
          const next = momentum.map(
            (value, at) => 0.5 * value + (targets.get(name)![at]! - data[at]!) + 0.01 * noise.normal(),
          );
          after.set(name, { shape, data: data.map((value, at) => value + rate * next[at]!) });
          left.set(name, { shape, data: next });
        }
        left.set('step', { shape: [], data: Float32Array.of(epochOf(left) + 1) });
        if (changes?.after.includes(step + 1)) inForce = await changes.set(step + 1, async (name) => after.get(name)!);
      }
      for (const [name, { shape, data }] of averages ? after : []) {
        const average = state?.get(`average/${name}`)?.data;
        left.set(`average/${name}`, {
          shape,
          data: average ? average.map((value, at) => (value + data[at]!) / 2) : data.slice(),
        });
      }
      evaluated = epoch;
      const applied = ratesAt(stepsPerEpoch - 1);
      return {
        parameters: after,
        state: left,
        loss: 1 / epoch,
        losses: steps.map(() => 1 / epoch),
        baseLearningRates: steps.map(() => 0.2),
        gradientNorm: { mean: 1, largest: 1 },
        applied: trained.map(({ name, layer }) => ({
          group: layer!,
          parameters: [name],
          learningRateMultiplier: applied[name]?.learningRate ?? 1,
          weightDecayMultiplier: 1,
          weightDecay: 0,
        })),
        ...(diverges?.(epoch)
          ? { diverged: { step: 1, loss: Number.NaN, gradientNorm: Number.NaN, ...divergence } }
          : {}),
      };
    },
    async evaluate(parameters) {
      let squares = 0;
      for (const [name, target] of targets) {
        for (const [at, value] of parameters.get(name)!.data.entries()) squares += (value - target[at]!) ** 2;
      }
      const nRMSE = metric ? metric(evaluated) : Math.sqrt(squares);
      return { metrics: { nRMSE, RMSE: Math.sqrt(squares), ...(loss ? { loss: loss(evaluated) } : {}) } };
    },
  };
}
