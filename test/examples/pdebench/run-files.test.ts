import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kinds, writeMadeUp } from '../../../examples/pdebench/data.ts';
import { runCli } from '../../support/cli.ts';

const files = new URL('../../../examples/pdebench/', import.meta.url).pathname;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pdebench-'));
  for (const kind of kinds) await writeMadeUp(join(folder, `${kind}.hdf5`), kind, { samples: 4, points: 32, seed: 1 });
});

afterAll(() => rm(folder, { recursive: true }));

const dataOf = (file: string) =>
  file.startsWith('darcy') ? '2D_DarcyFlow' : file.startsWith('1d') ? '1D_CFD' : '2D_CFD';

/** Of the models, the smallest that their kind allows. */
const small = (file: string) =>
  file.includes('unet')
    ? ['model.initFeatures=2']
    : ['model.modes=3', 'model.width=4', 'model.projection=8', 'balance.minEigenvalues=2'];

it('has a run file of each kind of model on each kind of data', async () => {
  const names = (await readdir(files)).filter((name) => name.endsWith('.yaml'));
  expect(names.toSorted()).toEqual(
    ['1d-cfd', '2d-cfd', 'darcy'].flatMap((data) => [`${data}-fno.yaml`, `${data}-unet.yaml`]),
  );
});

it.each(['1d-cfd-fno', '1d-cfd-unet', '2d-cfd-fno', '2d-cfd-unet', 'darcy-fno', 'darcy-unet'])(
  '%s trains on fields of that layout, plain and balanced',
  { timeout: 60_000 },
  async (name) => {
    for (const balance of [[], ['balance=off']]) {
      const set = [
        `dataset.path=${join(folder, `${dataOf(name)}.hdf5`)}`,
        `output.folder=${join(folder, 'runs')}`,
        `output.name=${name}-${balance.length > 0 ? 'plain' : 'balanced'}`,
        'training.epochs=1',
        ...(balance.length > 0 ? small(name).filter((each) => !each.startsWith('balance')) : small(name)),
        ...balance,
      ];
      const args = ['train', join(files, `${name}.yaml`), ...set.flatMap((each) => ['--set', each])];
      const { code, stderr, stdout } = await runCli(args);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/nRMSE/);
    }
  },
);
