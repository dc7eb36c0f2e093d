import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { runOnce, type Step, type Tensor } from '../../../shared/engines/engine.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import {
  bindFourier,
  cheaperWay,
  cornerFrequencies,
  type FourierWay,
  planFourier,
  spectralConvolution,
} from '../../../shared/models/blocks/fourier.ts';
import { elementCount, type HostTensors } from '../../../shared/tensors/tensor.ts';

const [batch, channels] = [2, 3];

function drawn(shapes: Readonly<Record<string, readonly number[]>>): HostTensors {
  const random = randomFor(3, 'fourier');
  return new Map(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { shape, data: Float32Array.from({ length: elementCount(shape) }, () => random.normal()) },
    ]),
  );
}

/** A spectral convolution, and the gradients of a number made of it. */
const stepBy =
  (space: readonly number[], modes: readonly number[], way: FourierWay): Step =>
  (tf, { inputs: { x, dy, ...weights } }) => {
    const plan = planFourier(space, cornerFrequencies(space, modes), way);
    const convolve = (...[field, ...each]: Tensor[]) => spectralConvolution(tf, bindFourier(tf, plan), each)(field!);
    const named = Object.keys(weights);
    const gradients = tf.grads((...given: Tensor[]) => tf.sum(tf.mul(convolve(...given), dy!)))([
      x!,
      ...named.map((name) => weights[name]!),
    ]);
    return {
      results: {
        value: convolve(x!, ...named.map((name) => weights[name]!)),
        ...Object.fromEntries(gradients.map((gradient, index) => [`gradient${index}`, gradient])),
      },
    };
  };

const axis = fc
  .integer({ min: 2, max: 7 })
  .chain((points) => fc.tuple(fc.constant(points), fc.integer({ min: 1, max: Math.floor(points / 2) })));

describe('the truncated Fourier transform', () => {
  it.each(['cpu', 'onnx'] as const)('is the same axis by axis and in one product, on %s', async (name) => {
    const engine = await openEngine(name);
    const same = async (axes: [number, number][]) => {
      const [space, modes] = [axes.map(([points]) => points), axes.map(([, count]) => count)];
      const field = [...space, batch, channels];
      const corners = Array.from({ length: 2 ** (axes.length - 1) }, (_, corner) => `weights${corner}`);
      const weights = Object.fromEntries(corners.map((corner) => [corner, [channels, channels, ...modes, 2]]));
      const inputs = drawn({ x: field, dy: field, ...weights });
      const staged = await runOnce(engine, stepBy(space, modes, 'staged'), inputs);
      const direct = await runOnce(engine, stepBy(space, modes, 'direct'), inputs);
      for (const [result, { shape, data }] of staged) {
        expect(direct.get(result)!.shape).toEqual(shape);
        for (const [index, value] of data.entries()) {
          expect(Math.abs(direct.get(result)!.data[index]! - value)).toBeLessThan(2e-5 * (1 + Math.abs(value)));
        }
      }
    };
    const axes = fc.oneof(fc.tuple(axis, axis, axis), fc.tuple(axis, axis), fc.tuple(axis)) as fc.Arbitrary<
      [number, number][]
    >;
    await fc.assert(fc.asyncProperty(axes, same), { seed: 2, numRuns: 12 });
  });

  it('is one product where few frequencies of few points are kept, and goes axis by axis elsewhere', () => {
    expect(cheaperWay([8, 8], cornerFrequencies([8, 8], [2, 2]))).toBe('direct');
    expect(cheaperWay([16, 16], cornerFrequencies([16, 16], [3, 3]))).toBe('direct');
    expect(cheaperWay([34, 34], cornerFrequencies([34, 34], [6, 6]))).toBe('staged');
    expect(cheaperWay([130, 130], cornerFrequencies([130, 130], [12, 12]))).toBe('staged');
    expect(cheaperWay([1000, 1000], cornerFrequencies([1000, 1000], [1, 1]))).toBe('staged');
    expect(cheaperWay([66], cornerFrequencies([66], [12]))).toBe('staged');
  });
});
