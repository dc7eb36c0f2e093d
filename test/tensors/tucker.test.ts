import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { runOnce } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { wholeOfTucker as wholeOnEngine } from '../../shared/models/blocks/tucker.ts';
import { elementCount, type HostTensor } from '../../shared/tensors/tensor.ts';
import { tuckerRanks, wholeOfTucker } from '../../shared/tensors/tucker.ts';

const random = randomFor(4, 'tucker');
const drawn = (shape: readonly number[]): HostTensor => ({
  shape,
  data: Float32Array.from({ length: elementCount(shape) }, () => random.normal()),
});

describe('tuckerRanks', () => {
  it.each([
    [[8, 8, 4], 0.4, [4, 4, 2]],
    [[64, 64, 12, 7], 0.1, [35, 35, 7, 4]],
    [[32, 32, 16, 16, 9], 0.05, [18, 18, 9, 9, 5]],
    [[6, 6, 2], 1, [4, 4, 1]],
  ])('gives those of tensorly for %j at %d', (sides, fraction, ranks) => {
    expect(tuckerRanks(sides, fraction)).toEqual(ranks);
  });
});

describe('the whole tensor of Tucker factors', () => {
  const [core, ...factors] = [drawn([2, 3, 2, 2]), drawn([4, 2, 2]), drawn([3, 3, 2]), drawn([5, 2, 2])] as const;

  it('is the sum over the core of products of the factors, as complex numbers', () => {
    const { shape, data } = wholeOfTucker(core, factors);
    expect(shape).toEqual([4, 3, 5, 2]);
    const complex = ({ shape, data }: HostTensor, ...index: number[]) => {
      const at = index.reduce((flat, place, axis) => flat * shape[axis]! + place, 0);
      return [data[2 * at]!, data[2 * at + 1]!] as const;
    };
    const times = ([a, b]: readonly [number, number], [c, d]: readonly [number, number]) =>
      [a * c - b * d, a * d + b * c] as const;
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 3; j++) {
        for (let k = 0; k < 5; k++) {
          let [re, im] = [0, 0];
          for (let a = 0; a < 2; a++) {
            for (let b = 0; b < 3; b++) {
              for (let c = 0; c < 2; c++) {
                const sides = times(complex(factors[0], i, a), complex(factors[1], j, b));
                const term = times(times(complex(core, a, b, c), sides), complex(factors[2], k, c));
                [re, im] = [re + term[0], im + term[1]];
              }
            }
          }
          const at = 2 * ((i * 3 + j) * 5 + k);
          expect(data[at]).toBeCloseTo(re, 10);
          expect(data[at + 1]).toBeCloseTo(im, 10);
        }
      }
    }
  });

  it('is the same on an engine', async () => {
    const results = await runOnce(
      await openEngine('cpu'),
      (tf, { inputs: { core, f0, f1, f2 } }) => ({ results: { whole: wholeOnEngine(tf, core!, [f0!, f1!, f2!]) } }),
      new Map([['core', core], ...factors.map((factor, axis) => [`f${axis}`, factor] as const)]),
    );
    const expected = wholeOfTucker(core, factors);
    expect(results.get('whole')!.shape).toEqual(expected.shape);
    for (const [index, value] of expected.data.entries())
      expect(Math.abs(results.get('whole')!.data[index]! - value)).toBeLessThan(1e-5);
  });
});
