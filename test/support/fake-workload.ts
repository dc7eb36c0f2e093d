import { randomFor } from '../../shared/core/random.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import type { EpochResult } from '../../shared/training/train-epoch.ts';
import type { Workload } from '../../shared/training/workload.ts';

const size = 14;
const layerNames = ['encoder', 'decoder'];
const targetOf = (name: string, at: number) => randomFor(11, 'target', name, at).normal();

/** How the fake goes about an epoch; each is told the epoch. */
export interface FakeBehaviour {
  /** Called before an epoch is trained; may throw. */
  readonly onTrain?: (epoch: number) => void;
  readonly diverges?: (epoch: number) => boolean;
  /** In place of the distance to the target. */
  readonly metric?: (epoch: number) => number;
}

/**
 * A workload that costs nothing: two layers that move towards fixed targets with a momentum. What it does depends on
 * weights, optimizer state, epoch and rates, so that a run that loses any of them ends elsewhere.
 */
export function fakeWorkload({ onTrain, diverges, metric }: FakeBehaviour = {}): Workload {
  const names = layerNames.map((name) => `${name}.weight`);
  const epochOf = (state: HostTensors | undefined) => state?.get('step')?.data[0] ?? 0;
  let evaluated = 0;
  return {
    parameters: names.map((name, index) => ({
      name,
      shape: [size, size],
      decay: true,
      layer: layerNames[index]!,
    })),
    layers: names.map((name, index) => ({ name: layerNames[index]!, kind: 'linear', weights: [name] })),
    engine: 'fake 1.0',
    data: { trainingSamples: 3 },
    modelConfig: { family: 'fake' },
    initialise: () =>
      new Map(
        names.map((name) => {
          const random = randomFor(5, 'initialise', name);
          return [name, { shape: [size, size], data: Float32Array.from({ length: size * size }, random.normal) }];
        }),
      ),
    async train(epoch, parameters, state, rates, onStep): Promise<EpochResult> {
      onTrain?.(epoch);
      onStep({ step: 1, steps: 1, loss: 1 / epoch });
      const trained: [string, { shape: readonly number[]; data: Float32Array }][] = [];
      const left: [string, { shape: readonly number[]; data: Float32Array }][] = [];
      for (const name of names) {
        const { shape, data } = parameters.get(name)!;
        const momentum = state?.get(name)?.data ?? new Float32Array(data.length);
        const noise = randomFor(3, 'noise', epoch, name);
        const rate = 0.2 * (rates[name]?.learningRate ?? 1);
        const next = momentum.map(
          (value, at) => 0.5 * value + (targetOf(name, at) - data[at]!) + 0.01 * noise.normal(),
        );
        trained.push([name, { shape, data: data.map((value, at) => value + rate * next[at]!) }]);
        left.push([name, { shape, data: next }]);
      }
      left.push(['step', { shape: [], data: Float32Array.of(epochOf(state) + 1) }]);
      evaluated = epoch;
      return {
        parameters: new Map(trained),
        state: new Map(left),
        loss: 1 / epoch,
        losses: [1 / epoch],
        baseLearningRate: 0.2,
        applied: names.map((name, index) => ({
          group: layerNames[index]!,
          parameters: [name],
          learningRateMultiplier: rates[name]?.learningRate ?? 1,
          weightDecayMultiplier: 1,
          learningRate: [0.2 * (rates[name]?.learningRate ?? 1)],
          weightDecay: 0,
        })),
        ...(diverges?.(epoch) ? { diverged: { step: 1, loss: Number.NaN } } : {}),
      };
    },
    async evaluate(parameters) {
      let squares = 0;
      for (const name of names) {
        for (const [at, value] of parameters.get(name)!.data.entries()) squares += (value - targetOf(name, at)) ** 2;
      }
      return { nRMSE: metric ? metric(evaluated) : Math.sqrt(squares), RMSE: Math.sqrt(squares) };
    },
  };
}
