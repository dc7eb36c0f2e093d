import { describe, expect, it } from 'vitest';
import { findBlankFields } from '../../shared/datasets/blank-fields.ts';
import { inMemory, type Trajectories } from '../../shared/datasets/trajectories.ts';

/** Fields `[3 samples, 2, 2, 4 times, 2 channels]` of what a function says of sample, time and channel, and of the point. */
function fields(value: (at: { sample: number; point: number; time: number; channel: number }) => number): Trajectories {
  const shape = [3, 2, 2, 4, 2];
  const values = new Float32Array(3 * 4 * 4 * 2);
  let index = 0;
  for (let sample = 0; sample < 3; sample++)
    for (let point = 0; point < 4; point++)
      for (let time = 0; time < 4; time++)
        for (let channel = 0; channel < 2; channel++) values[index++] = value({ sample, point, time, channel });
  const grid = { shape: [2, 2, 2], values: new Float32Array(8) };
  return inMemory({ kind: 'trajectories', shape, grid, channels: ['u', 'v'], rows: [0, 1, 2] }, { values });
}

describe('blank fields', () => {
  it('are none where every frame has a value that is not zero, and every field changes', async () => {
    const one = fields(({ point, time }) => (point === 3 ? 1 + time : 0));
    expect(await findBlankFields(one)).toEqual({ zero: [], constant: [] });
  });

  it('are frames that are zero all over space, by sample and channel, with their time steps', async () => {
    const some = fields(({ sample, channel, time, point }) =>
      sample === 1 && channel === 1 && [0, 1, 3].includes(time) ? -0 : 1 + point,
    );
    expect((await findBlankFields(some)).zero).toEqual([{ sample: 1, channel: 1, first: 0, last: 3, count: 3 }]);
    expect((await findBlankFields(some, 2)).zero).toEqual([{ sample: 1, channel: 1, first: 3, last: 3, count: 1 }]);
    const late = fields(({ time, point }) => (time === 0 ? 0 : point + 1));
    expect((await findBlankFields(late, 1)).zero).toEqual([]);
  });

  it('are fields of one number, whichever', async () => {
    const constant = fields(({ sample, channel, point }) => (sample === 2 && channel === 0 ? -9999 : point + 1));
    expect(await findBlankFields(constant)).toEqual({ zero: [], constant: [{ sample: 2, channel: 0, value: -9999 }] });
    const steady = fields(({ time }) => time + 1);
    expect((await findBlankFields(steady)).constant).toEqual([]);
  });
});
