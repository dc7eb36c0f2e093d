import { describe, expect, it } from 'vitest';
import { runOnce, type Step } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import type { HostTensor, HostTensors } from '../../shared/tensors/tensor.ts';
import { adamDirection, zeroMoments } from '../../shared/training/optimizers/adam-moments.ts';

const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, complexMoments: 'shared' } as const;

const pairs = (count: number): HostTensor => ({
  shape: [count, 2],
  data: Float32Array.from({ length: 2 * count }, (_, index) => Math.sin(3 * index)),
});

/** The direction after one gradient of a complex parameter, and the second moment. */
const stepOf =
  (count: number): Step =>
  (tf, { inputs: { gradient, first, second } }) => {
    const spec = { name: 'w', shape: [count, 2], complex: true, decay: true };
    const corrections = { first: tf.scalar(1), second: tf.scalar(1) };
    const state = { 'firstMoment/w': first!, 'secondMoment/w': second! };
    const result = adamDirection(tf, spec, settings, gradient!, state, corrections);
    return { results: { direction: result.direction, second: result.state['secondMoment/w']! } };
  };

async function directionOf(engine: 'cpu' | 'wasm' | 'onnx', count: number): Promise<HostTensors> {
  const spec = { name: 'w', shape: [count, 2], complex: true, decay: true };
  const moments = zeroMoments([spec], settings);
  const inputs = new Map([
    ['gradient', pairs(count)],
    ['first', moments.get('firstMoment/w')!],
    ['second', moments.get('secondMoment/w')!],
  ]);
  return runOnce(await openEngine(engine), stepOf(count), inputs);
}

describe("Adam's shared moment of complex parameters", () => {
  it.each(['cpu', 'wasm', 'onnx'] as const)(
    'is that of each pair, however many pairs there are, on %s',
    async (engine) => {
      // 64 pairs fill whole rows of a product, 67 do not.
      const [whole, odd] = [await directionOf(engine, 64), await directionOf(engine, 67)];
      for (const [name, size] of [
        ['direction', 128],
        ['second', 64],
      ] as const) {
        const [found, expected] = [whole.get(name)!.data, odd.get(name)!.data];
        expect(found).toHaveLength(size);
        for (const [index, value] of found.entries()) {
          expect(Math.abs(value - expected[index]!)).toBeLessThanOrEqual(2e-7 * Math.abs(expected[index]!));
        }
      }
    },
  );
});
