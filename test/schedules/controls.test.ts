import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceConfigSchema } from '../../shared/schedules/config.ts';
import { layerFactors } from '../../shared/schedules/factors.ts';

const square = [16, 16];
const wide = [16, 64];
const layers = [
  { name: 'a', value: 2, shape: square },
  { name: 'b', value: 3, shape: wide },
  { name: 'c', value: 4, shape: square },
  { name: 'd', value: 6, shape: wide },
];
const blocks = [0, 1, 2].flatMap((block) => [
  { name: `layer.${block}.in`, value: 2 + block, shape: square },
  { name: `layer.${block}.out`, value: 3 + 2 * block, shape: wide },
]);

function factorsOf(
  control: string | undefined,
  { of = layers, seed = 42, ...more }: Record<string, unknown> & { of?: typeof layers; seed?: number } = {},
) {
  const config = balanceConfigSchema.parse({ assignment: { function: 'linearMap' }, control, ...more });
  return layerFactors(of, { ...config, seed }).factors;
}

const plain = factorsOf(undefined);

describe('a control', () => {
  it('gives the inverse of every factor', () => {
    expect(factorsOf('inverse')).toEqual(plain.map((factor) => 1 / factor));
  });

  it('gives every layer the mean factor of its shape', () => {
    const [a, b, c, d] = plain as [number, number, number, number];
    expect(factorsOf('byShape')).toEqual([(a + c) / 2, (b + d) / 2, (a + c) / 2, (b + d) / 2]);
  });

  it('gives the same factors to other layers, by the seed', () => {
    const shuffled = factorsOf('shuffled');
    expect(shuffled.toSorted()).toEqual(plain.toSorted());
    expect(shuffled).not.toEqual(plain);
    expect(factorsOf('shuffled')).toEqual(shuffled);
    const seeds = Array.from({ length: 20 }, (_, seed) => JSON.stringify(factorsOf('shuffled', { seed })));
    expect(new Set(seeds).size).toBeGreaterThan(3);
  });

  it('never leaves all factors where they were', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 2, max: 4 }), (seed, count) => {
        const some = layers.slice(0, count);
        expect(factorsOf('shuffled', { of: some, seed })).not.toEqual(factorsOf(undefined, { of: some, seed }));
      }),
    );
  });

  it('keeps the layers of a block together', () => {
    const together = factorsOf('shuffled', { of: blocks, unit: 'block' });
    const before = factorsOf(undefined, { of: blocks, unit: 'block' });
    expect([0, 2, 4].map((at) => together[at])).toEqual([1, 3, 5].map((at) => together[at]));
    expect(together.toSorted()).toEqual(before.toSorted());
    expect(together).not.toEqual(before);
    // All blocks have layers of the same shapes, so nothing is left of their differences.
    const [byShape] = factorsOf('byShape', { of: blocks, unit: 'block' });
    expect(new Set(factorsOf('byShape', { of: blocks, unit: 'block' }))).toEqual(new Set([byShape]));
  });

  it('treats layers in blocks one by one', () => {
    const plainInBlocks = factorsOf(undefined, { of: blocks, unit: 'layerInBlock' });
    expect(factorsOf('inverse', { of: blocks, unit: 'layerInBlock' })).toEqual(
      plainInBlocks.map((factor) => 1 / factor),
    );
  });
});
