import { describe, expect, it } from 'vitest';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { type DropoutSite, maskedDropout, noDropout } from '../../shared/models/dropout.ts';
import { dropoutMasks, maskMemory } from '../../shared/training/dropout-masks.ts';

const sites: DropoutSite[] = [
  { name: 'embedding', shape: [40, 25], rate: 0.1 },
  { name: 'attention', shape: [2, 3, 5], rate: 0.5 },
];
const share = (data: Float32Array) => data.filter((value) => value === 0).length / data.length;

describe('dropoutMasks', () => {
  it('gives every site a mask of its shape, of 0 and what makes up for it', () => {
    const masks = dropoutMasks(sites, [1, 2, 3]);
    expect([...masks].map(([name, { shape }]) => [name, shape])).toEqual(sites.map(({ name, shape }) => [name, shape]));
    expect(new Set(masks.get('embedding')!.data)).toEqual(new Set([0, Math.fround(1 / 0.9)]));
    expect(new Set(masks.get('attention')!.data)).toEqual(new Set([0, 2]));
  });

  it.each([0, 0.1, 0.25, 0.5, 0.9])('drops a share of %d, and keeps the mean', (rate) => {
    const { data } = dropoutMasks([{ name: 'x', shape: [200_000], rate }], [1, 1, 1]).get('x')!;
    for (const part of [data, data.subarray(0, 100_000)]) {
      expect(Math.abs(share(part) - rate)).toBeLessThanOrEqual(5 * Math.sqrt((rate * (1 - rate)) / part.length));
    }
    expect(data.reduce((sum, value) => sum + value, 0) / data.length).toBeCloseTo(1, 1);
  });

  it('drops neighbours independently of each other', () => {
    const { data } = dropoutMasks([{ name: 'x', shape: [200_000], rate: 0.5 }], [1, 1, 1]).get('x')!;
    const both = data.filter((value, index) => value === 0 && data[index + 1] === 0).length / data.length;
    expect(both).toBeCloseTo(0.25, 2);
  });

  it('depends on seed, epoch, step and site alone', () => {
    const masks = dropoutMasks(sites, [1, 2, 3]);
    expect(dropoutMasks(sites, [1, 2, 3])).toEqual(masks);
    expect(dropoutMasks(sites.toReversed(), [1, 2, 3]).get('embedding')).toEqual(masks.get('embedding'));
    for (const other of [
      dropoutMasks(sites, [2, 2, 3]),
      dropoutMasks(sites, [1, 3, 3]),
      dropoutMasks(sites, [1, 2, 4]),
    ]) {
      expect(other.get('embedding')!.data).not.toEqual(masks.get('embedding')!.data);
    }
    const twins = dropoutMasks([sites[0]!, { ...sites[0]!, name: 'other' }], [1, 2, 3]);
    expect(twins.get('other')!.data).not.toEqual(twins.get('embedding')!.data);
  });

  it('draws the same in memory that was used before, and in sizes that are not drawn at once', () => {
    const memory = maskMemory();
    const odd: DropoutSite[] = [{ name: 'odd', shape: [20_001], rate: 0.3 }];
    const first = dropoutMasks(odd, [1, 1, 1], memory);
    const { data } = first.get('odd')!;
    const drawn = data.slice();
    memory.giveBack(first);
    expect(dropoutMasks(odd, [1, 1, 2], memory).get('odd')!.data).toBe(data);
    expect(data).not.toEqual(drawn);
    expect(dropoutMasks(odd, [1, 1, 1], memory).get('odd')!.data).toEqual(drawn);
  });

  it('holds the same numbers on any machine', () => {
    const { data } = dropoutMasks([{ name: 'x', shape: [16], rate: 0.5 }], [42, 1, 1]).get('x')!;
    expect([...data].map((value) => value / 2).join('')).toBe('0110100111111010');
  });
});

describe('dropout of a model', () => {
  it('multiplies by the mask of the site in training, and leaves all as it is in evaluation', async () => {
    const { tf } = await openEngine('cpu');
    const x = tf.tensor1d([1, 2, 3]);
    const dropout = maskedDropout(tf, { here: tf.tensor1d([2, 0, 2]) });
    expect([...dropout(x, 'here').dataSync()]).toEqual([2, 0, 6]);
    expect(dropout(x, 'elsewhere')).toBe(x);
    expect(noDropout(x, 'here')).toBe(x);
  });
});
