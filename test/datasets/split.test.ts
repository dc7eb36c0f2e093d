import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import { splitTrajectories, validationSizeSchema } from '../../shared/datasets/split.ts';
import { inMemory, type Trajectories } from '../../shared/datasets/trajectories.ts';

/** Each sample's two values are its row. */
function trajectories(samples: number): Trajectories {
  return inMemory(
    {
      kind: 'trajectories',
      shape: [samples, 1, 2, 1],
      grid: { shape: [1, 1], values: Float32Array.of(0.5) },
      channels: ['u'],
      rows: Array.from({ length: samples }, (_, row) => row),
    },
    { values: Float32Array.from({ length: 2 * samples }, (_, index) => Math.floor(index / 2)) },
  );
}

describe('splitTrajectories', () => {
  it('puts every sample on exactly one side, with its values, in the order of the file', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 40 }),
        fc.integer(),
        fc.double({ min: 0.01, max: 0.9, noNaN: true }),
        async (n, seed, share) => {
          const { training, validation } = splitTrajectories(trajectories(n), { validation: share, seed });
          expect([...training.rows, ...validation.rows].toSorted((a, b) => a - b)).toEqual(trajectories(n).rows);
          for (const side of [training, validation]) {
            expect(side.shape[0]).toBe(side.rows.length);
            expect(side.rows.length).toBeGreaterThan(0);
            expect(side.rows).toEqual(side.rows.toSorted((a, b) => a - b));
            const { values } = await side.read(side.rows.map((_, index) => index));
            expect([...values]).toEqual(side.rows.flatMap((row) => [row, row]));
          }
        },
      ),
      { seed: 1 },
    );
  });

  it('holds out the number or the share asked for', () => {
    expect(splitTrajectories(trajectories(32), { validation: 16, seed: 1 }).validation.rows).toHaveLength(16);
    expect(splitTrajectories(trajectories(32), { validation: 0.25, seed: 1 }).validation.rows).toHaveLength(8);
    expect(splitTrajectories(trajectories(32), { validation: 0.001, seed: 1 }).validation.rows).toHaveLength(1);
    expect(splitTrajectories(trajectories(2), { validation: 0.9, seed: 1 }).validation.rows).toHaveLength(1);
  });

  it('is a function of the seed', () => {
    const rows = (seed: number) => splitTrajectories(trajectories(32), { validation: 16, seed }).validation.rows;
    expect(rows(7)).toEqual(rows(7));
    expect(rows(7)).not.toEqual(rows(8));
  });

  it('refuses an empty training side', () => {
    const split = (samples: number, validation: number) => () =>
      splitTrajectories(trajectories(samples), { validation, seed: 1 });
    expect(split(4, 4)).toThrow(UserError);
    expect(split(4, 9)).toThrow(/holding out 9 of 4 samples .*\n.*At most 3/);
    expect(split(1, 0.5)).toThrow(/at least 2 samples/);
  });

  it('takes shares and numbers of samples only', () => {
    for (const valid of [0.2, 1, 16]) expect(validationSizeSchema.safeParse(valid).success).toBe(true);
    for (const invalid of [0, -1, 1.5, '0.2']) expect(validationSizeSchema.safeParse(invalid).success).toBe(false);
  });
});
