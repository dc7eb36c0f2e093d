import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapInFlight } from '../../shared/core/in-flight.ts';

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};

describe('mapping with items in flight', () => {
  it('keeps the order of the items and the limits, but lets a single heavy item through', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ turns: fc.nat(20), weight: fc.nat(10) })),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 12 }),
        async (items, count, weight) => {
          const under = new Set<(typeof items)[number]>();
          const results = await mapInFlight(items, { count, weight, weigh: (item) => item.weight }, async (item) => {
            under.add(item);
            expect(under.size).toBeLessThanOrEqual(count);
            const load = [...under].reduce((sum, one) => sum + one.weight, 0);
            expect(under.size === 1 || load <= weight).toBe(true);
            await turns(item.turns);
            under.delete(item);
            return item;
          });
          expect(results).toEqual(items);
        },
      ),
      { seed: 1 },
    );
  });

  it('begins nothing after a failure and waits for what is under way', async () => {
    const log: string[] = [];
    const run = mapInFlight(['slow', 'bad', 'never'], { count: 2 }, async (item) => {
      if (item === 'bad') throw new Error('no good');
      await turns(50);
      log.push(item);
    });
    await expect(run).rejects.toThrow('no good');
    expect(log).toEqual(['slow']);
  });
});
