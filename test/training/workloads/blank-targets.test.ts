import { describe, expect, it } from 'vitest';
import { selectSamples } from '../../../shared/datasets/samples.ts';
import { inMemory, type Trajectories } from '../../../shared/datasets/trajectories.ts';
import { checkTargets } from '../../../shared/training/workloads/blank-targets.ts';

interface Place {
  readonly sample: number;
  readonly time: number;
  readonly channel: number;
}

/** Four samples out of rows 0, 10, 20 and 30 of a file, 8 points, 2 given and 4 predicted steps, three channels. */
function dataWhere(isZero: (at: Place) => boolean, blank = 0): Trajectories {
  const [samples, points, times, channels] = [4, 8, 6, 3];
  const values = new Float32Array(samples * points * times * channels);
  let index = 0;
  for (let sample = 0; sample < samples; sample++)
    for (let point = 0; point < points; point++)
      for (let time = 0; time < times; time++)
        for (let channel = 0; channel < channels; channel++)
          values[index++] = isZero({ sample, time, channel }) ? blank : 1 + point;
  const shape = [samples, points, times, channels];
  const grid = { shape: [points, 1], values: new Float32Array(points) };
  return inMemory(
    { kind: 'trajectories', shape, grid, channels: ['rho', 'u', 'p'], rows: [0, 10, 20, 30] },
    { values },
  );
}

const check = (data: Trajectories, metric: string, held = [2]) =>
  checkTargets({ data, judged: selectSamples(data, held), window: 2, metric, path: 'data.hdf5' });

describe('targets of zeros', () => {
  it('are nothing to speak of where there are none, or only among what is given', async () => {
    expect(
      await check(
        dataWhere(() => false),
        'nRMSE',
      ),
    ).toEqual([]);
    expect(
      await check(
        dataWhere(({ time }) => time < 2),
        'nRMSE',
      ),
    ).toEqual([]);
  });

  it('are refused where the deciding metric divides by them: a channel', async () => {
    const refused = () =>
      check(
        dataWhere(({ channel }) => channel === 1),
        'nRMSE',
      );
    await expect(refused()).rejects.toThrow(
      /^data\.hdf5: nRMSE divides by the norm of each target.*no epoch has a finite nRMSE/,
    );
    await expect(refused()).rejects.toThrow(
      /\n {4}channel u of every sample\n {2}Leave the channel out.*convergence\.metric: RMSE/,
    );
  });

  it('are refused by the rows of the file, those that are trained on included', async () => {
    const refused = () =>
      check(
        dataWhere(({ sample }) => sample >= 2),
        'nRMSE',
      );
    await expect(refused()).rejects.toThrow(
      /\n {4}sample rows 20 and 30, every channel\n {2}If rows were never written/,
    );
  });

  it('are refused one by one, with their predicted steps, where they are single fields', async () => {
    const single = dataWhere(
      ({ sample, time, channel }) =>
        (sample === 2 && channel === 0) || (sample === 1 && channel === 2 && [2, 3, 5].includes(time)),
    );
    await expect(check(single, 'nRMSE')).rejects.toThrow(
      '\n    sample row 10, channel p, at 3 of predicted steps 1 to 4\n    sample row 20, channel rho, throughout\n',
    );
    const first = dataWhere(({ time }) => time === 2);
    await expect(check(first, 'nRMSE')).rejects.toThrow(
      /row 0, channel rho, at predicted step 1\n(.*\n){4} {4}and 7 more\n/,
    );
  });

  it('are a warning where another metric decides, and none where only training data have them', async () => {
    const zeroChannel = dataWhere(({ channel }) => channel === 1);
    expect(await check(zeroChannel, 'RMSE')).toEqual([
      expect.stringMatching(/^nRMSE divides by .* Zero are:\n {4}channel u of every sample$/),
    ]);
    const early = dataWhere(({ sample, time }) => sample === 0 && time === 3);
    expect(await check(early, 'nRMSE')).toEqual([]);
    await expect(check(early, 'nRMSE', [0])).rejects.toThrow('sample row 0');
  });
});

describe('fields of one number', () => {
  it('are told of: whole rows, which were probably never written, and whole channels', async () => {
    expect(
      await check(
        dataWhere(({ sample }) => sample === 3),
        'nRMSE',
      ),
    ).toEqual(['sample row 30 holds the same number everywhere; never written to the file?']);
    expect(
      await check(
        dataWhere(({ sample }) => sample >= 2, -9999),
        'nRMSE',
      ),
    ).toEqual(['sample rows 20 and 30 hold the same number everywhere; never written to the file?']);
    expect(
      await check(
        dataWhere(({ channel }) => channel === 2, 7),
        'nRMSE',
      ),
    ).toEqual(['channel p never changes in any sample']);
  });
});

it('a metric that means nothing on the grid is refused as the one that decides', async () => {
  const data = dataWhere(() => false);
  await expect(check(data, 'fRMSEHigh')).rejects.toThrow(/^convergence\.metric: is not measured on a grid of 8 points/);
  expect(await check(data, 'fRMSELow')).toEqual([]);
});
