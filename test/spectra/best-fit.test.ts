import { expect, it } from 'vitest';
import { bestFitAlpha } from '../../shared/spectra/best-fit.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { trainedFlag } from '../../shared/spectra/flags.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { analyseCheckpoint } from '../../shared/weights/analyse-checkpoint.ts';
import { openWeights } from '../../shared/weights/open-weights.ts';
import { fixturePath } from '../support/fixtures.ts';

it('is the same of stored eigenvalues, as a report takes it, and of weights, as analyze does', async () => {
  for (const filterZeros of [true, false]) {
    const settings = spectraConfigSchema.parse({ filterZeros });
    const source = await openWeights(fixturePath('models', 'roberta-tiny'));
    const { layers } = await analyseCheckpoint(source, portableSolver, { settings });
    expect(layers.length).toBeGreaterThan(4);
    for (const { eigenvalues = [], metrics, ...layer } of layers) {
      expect(bestFitAlpha({ ...layer, eigenvalues }, settings)).toBe(metrics!.alphaBestFit);
    }
  }
});

it('is null without eigenvalues, and where there is nothing but zeros', () => {
  const layer = { name: 'fc', kind: 'linear', shape: [3, 3] } as const;
  expect(bestFitAlpha({ ...layer, eigenvalues: [] }, { filterZeros: true })).toBeNull();
  expect(bestFitAlpha({ ...layer, eigenvalues: [0, 0, 0] }, { filterZeros: true })).toBeNull();
});

it('flags a layer by its best fit, where it has 50 eigenvalues or more and is no Conv1d by rows', () => {
  const of = (kind: 'linear' | 'conv1d', count: number) => ({ kind, eigenvalues: Array(count).fill(1) });
  const flags = [1.9, 2, 6, 6.1, null].map((alpha) => trainedFlag(of('linear', 50), alpha, 'rows'));
  expect(flags).toEqual(['over-trained', undefined, undefined, 'under-trained', undefined]);
  expect(trainedFlag(of('linear', 49), 8, 'rows')).toBeUndefined();
  expect(trainedFlag(of('conv1d', 50), 8, 'rows')).toBeUndefined();
  expect(trainedFlag(of('conv1d', 50), 8, 'taps')).toBe('under-trained');
});
