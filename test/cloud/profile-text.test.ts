import { expect, it } from 'vitest';
import { profileText } from '../../shared/cloud/profile.ts';
import { parseOverride, parseRunFile } from '../../shared/config/parse-run-file.ts';

const runFile = `# what we train
model: { family: fno1d, weights: here.safetensors }
dataset:
  format: pdebench # PDEBench HDF5
  path: data.hdf5
balance: off
training: { epochs: 3, seed: 4 }
compute: gpu
`;

it.each([
  [[]],
  [['training.epochs=10', 'training.seed=']],
  [['balance={every: 2}']],
  [['compute.target=cpu', 'training.optimizer.name=sgd']],
  [['compute.epochsPerTask=3']],
])('has what %j sets, as the run file with it has', (set) => {
  const overrides = set.map(parseOverride);
  const text = profileText(runFile, overrides);
  expect(parseRunFile(text, 'profile')).toEqual(parseRunFile(runFile, 'run file', overrides));
});

it('keeps comments', () => {
  const text = profileText(runFile, [parseOverride('dataset.path=datasets/x/data.hdf5')]);
  expect(text).toContain('# what we train');
  expect(text).toContain('# PDEBench HDF5');
  expect(text).toContain('path: datasets/x/data.hdf5');
});
