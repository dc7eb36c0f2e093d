import { randomFor } from '../../shared/core/random.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensor, type HostTensors } from '../../shared/tensors/tensor.ts';
import type { EpochResult } from '../../shared/training/train-epoch.ts';
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
  /** The loss beside it; absent: none. */
  readonly loss?: (epoch: number) => number;
  /** What of the model it says was drawn. */
  readonly drawn?: Workload['drawn'];
}

/**
 * A workload that costs nothing: the dense layers of a small model move towards fixed targets with a momentum. What it does depends on
 * weights, optimizer state, epoch and rates, so that a run that loses any of them ends elsewhere.
 */
export function fakeWorkload({ onTrain, diverges, divergence, metric, loss, drawn }: FakeBehaviour = {}): Workload {
  const epochOf = (state: HostTensors | undefined) => state?.get('step')?.data[0] ?? 0;
  let evaluated = 0;
  return {
    parameters: specs,
    layers,
    stepFlops: 1,
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
    async train(epoch, parameters, state, rates, onStep): Promise<EpochResult> {
      onTrain?.(epoch);
      onStep({ step: 1, steps: 1, loss: 1 / epoch });
      const after = new Map<string, HostTensor>(parameters);
      const left = new Map<string, HostTensor>();
      for (const { name } of trained) {
        const { shape, data } = parameters.get(name)!;
        const momentum = state?.get(name)?.data ?? new Float32Array(data.length);
        const noise = randomFor(3, 'noise', epoch, name);
        const rate = 0.2 * (rates[name]?.learningRate ?? 1);
        const next = momentum.map(
          (value, at) => 0.5 * value + (targets.get(name)![at]! - data[at]!) + 0.01 * noise.normal(),
        );
        after.set(name, { shape, data: data.map((value, at) => value + rate * next[at]!) });
        left.set(name, { shape, data: next });
      }
      left.set('step', { shape: [], data: Float32Array.of(epochOf(state) + 1) });
      evaluated = epoch;
      return {
        parameters: after,
        state: left,
        loss: 1 / epoch,
        losses: [1 / epoch],
        baseLearningRates: [0.2],
        gradientNorm: { mean: 1, largest: 1 },
        applied: trained.map(({ name, layer }) => ({
          group: layer!,
          parameters: [name],
          learningRateMultiplier: rates[name]?.learningRate ?? 1,
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
