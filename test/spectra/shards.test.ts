import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Conv1dReading } from '../../shared/spectra/config.ts';
import { layerSize, matrixFlops } from '../../shared/spectra/cost.ts';
import { layerCost, mergeShards, planShards, workThroughShards } from '../../shared/spectra/shards.ts';
import type { LayerKind } from '../../shared/tensors/layer.ts';

const side = fc.integer({ min: 1, max: 4096 });
const layers = fc
  .array(fc.record({ rows: side, columns: side, matrices: fc.integer({ min: 1, max: 9 }) }), { maxLength: 40 })
  .map((sizes) => sizes.map((size, index) => ({ name: `layer${index}`, ...size })));
const workers = fc.integer({ min: 1, max: 8 });

describe('the plan of shards', () => {
  it('has every layer once, in no more shards than there are workers, none of them empty', () => {
    fc.assert(
      fc.property(layers, workers, (all, count) => {
        const shards = planShards(all, count);
        expect(shards.flatMap((shard) => shard.layers).sort()).toEqual(all.map(({ name }) => name).sort());
        expect(shards.length).toBe(Math.min(count, all.length));
        expect(shards.every((shard) => shard.layers.length > 0)).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it('does not depend on the order of the layers', () => {
    fc.assert(
      fc.property(layers, workers, (all, count) => {
        expect(planShards(all.toReversed(), count)).toEqual(planShards(all, count));
      }),
      { seed: 1 },
    );
  });

  it('gives no worker more than 4/3 of an even share, the costliest layer or the two that must go together', () => {
    fc.assert(
      fc.property(layers, workers, (all, count) => {
        const costs = all.map(layerCost).sort((a, b) => b - a);
        const costOf = new Map(all.map((layer) => [layer.name, layerCost(layer)]));
        const loads = planShards(all, count).map((shard) =>
          shard.layers.reduce((sum, name) => sum + costOf.get(name)!, 0),
        );
        const even = costs.reduce((sum, cost) => sum + cost, 0) / count;
        const best = Math.max(even, costs[0] ?? 0, (costs[count - 1] ?? 0) + (costs[count] ?? 0));
        expect(Math.max(0, ...loads)).toBeLessThanOrEqual((4 / 3) * best * (1 + 1e-12));
      }),
      { seed: 1 },
    );
  });

  it('counts operations and bytes', () => {
    const size = { name: 'fc', rows: 768, columns: 3072, matrices: 1 };
    expect(planShards([size], 4)).toEqual([{ layers: ['fc'], flops: matrixFlops(size), bytes: 768 * 3072 * 4 }]);
  });
});

describe('merging shards', () => {
  it('gives the order of the layers, whichever shard came first', () => {
    fc.assert(
      fc.property(layers, workers, fc.integer(), (all, count, seed) => {
        const parts = planShards(all, count).map((shard) => shard.layers.map((name) => ({ name })));
        const shuffled = parts.map((part, index) => ({ part, key: (index * 7919 + seed) % 13 }));
        const order = shuffled.sort((a, b) => a.key - b.key).map(({ part }) => part);
        expect(mergeShards(all, order)).toEqual(all.map(({ name }) => ({ name })));
      }),
      { seed: 1 },
    );
  });

  it('refuses a layer that is missing or came back twice', () => {
    const fc1 = { name: 'fc1' };
    expect(() => mergeShards([fc1], [])).toThrow('layer fc1: came back from no shard');
    expect(() => mergeShards([fc1], [[fc1], [fc1]])).toThrow('layer fc1: came back from two shards');
  });
});

describe('the size of a layer', () => {
  const sizeBy = (conv1d: Conv1dReading, kind: LayerKind, ...shapes: number[][]) =>
    layerSize({ name: 'x', kind, weights: shapes.map((_, index) => `${index}`) }, (at) => shapes[Number(at)], {
      conv1d,
    });
  const size = (kind: LayerKind, ...shapes: number[][]) => sizeBy('rows', kind, ...shapes);
  it('is its matrices, all weights together', () => {
    expect(size('linear', [4, 6])).toEqual({ name: 'x', rows: 4, columns: 6, matrices: 1 });
    expect(size('conv2d', [4, 6, 3, 3])).toMatchObject({ rows: 4, columns: 6, matrices: 9 });
    expect(size('spectralConv', [4, 6, 5, 5, 2], [4, 6, 5, 5, 2])).toMatchObject({
      rows: 8,
      columns: 12,
      matrices: 50,
    });
  });

  it('of Tucker factors is that of the whole weight', () => {
    const shapes = [
      [2, 3, 2, 4, 2],
      [4, 2, 2],
      [6, 3, 2],
      [5, 2, 2],
      [7, 4, 2],
    ];
    const layer = { name: 'x', kind: 'spectralConv', weights: ['0', '1', '2', '3', '4'], factors: 'tucker' } as const;
    expect(layerSize(layer, (at) => shapes[Number(at)], { conv1d: 'rows' })).toEqual(
      size('spectralConv', [4, 6, 5, 7, 2]),
    );
  });

  it('of diagonal blocks is a matrix for each block', () => {
    const layer = { name: 'x', kind: 'spectralConv', weights: ['w1', 'w2'], factors: 'blocks' } as const;
    expect(layerSize(layer, () => [2, 3, 5, 7], { conv1d: 'rows' })).toEqual({
      name: 'x',
      rows: 10,
      columns: 14,
      matrices: 6,
    });
  });

  it('of a Conv1d is a matrix for each output or for each tap, by the reading', () => {
    expect(sizeBy('rows', 'conv1d', [4, 6, 3])).toEqual({ name: 'x', rows: 6, columns: 3, matrices: 4 });
    expect(sizeBy('taps', 'conv1d', [4, 6, 3])).toEqual({ name: 'x', rows: 4, columns: 6, matrices: 3 });
  });
});

describe('working through shards', () => {
  const weigh = layerCost;

  it('does every layer once, in the order of its shard, within the limits', async () => {
    await fc.assert(
      fc.asyncProperty(layers, workers, fc.double({ min: 0, max: 1e12, noNaN: true }), async (all, count, weight) => {
        let [running, load] = [0, 0];
        const parts = await workThroughShards(all, { workers: count, weight, weigh }, async (layer) => {
          running += 1;
          load += weigh(layer);
          expect(running).toBeLessThanOrEqual(count);
          if (running > 1) expect(load).toBeLessThanOrEqual(weight);
          await Promise.resolve();
          running -= 1;
          load -= weigh(layer);
          return layer.name;
        });
        expect(parts).toEqual(planShards(all, count).map((shard) => shard.layers));
      }),
      { seed: 1 },
    );
  });

  it('begins nothing after a failure, and reports it', async () => {
    const all = ['a', 'b', 'c', 'd'].map((name) => ({ name, rows: 8, columns: 8, matrices: 1 }));
    const begun: string[] = [];
    const work = workThroughShards(all, { workers: 2, weight: 1e9, weigh }, async ({ name }) => {
      begun.push(name);
      await Promise.resolve();
      if (name === 'a') throw new Error('no good');
    });
    await expect(work).rejects.toThrow('no good');
    expect(begun).toEqual(['a', 'b']);
  });
});
