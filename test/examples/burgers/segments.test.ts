import { expect, it } from 'vitest';
import { segments } from '../../../examples/burgers/segments.ts';
import { inMemory } from '../../../shared/datasets/trajectories.ts';

it('cuts trajectories into pieces that keep their order, grid and rows', async () => {
  const data = inMemory(
    {
      kind: 'trajectories',
      shape: [2, 2, 5, 1],
      grid: { shape: [2, 1], values: Float32Array.of(0.25, 0.75) },
      channels: ['u'],
      rows: [4, 9],
    },
    { values: Float32Array.from({ length: 20 }, (_, index) => index) },
  );
  const cut = segments(data, 3, 2);
  expect(cut.shape).toEqual([4, 2, 3, 1]);
  expect(cut.rows).toEqual([4, 4, 9, 9]);
  expect([...(await cut.read([0, 1])).values]).toEqual([0, 1, 2, 5, 6, 7, 2, 3, 4, 7, 8, 9]);
  expect(cut.grid).toBe(data.grid);
});
