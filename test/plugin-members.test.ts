/** The suites that go through registries, with the members of the example plugins among those of this package. */
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { loadPlugins } from '../shared/config/plugins.ts';
import { datasetFormats } from '../shared/datasets/registry.ts';
import { modelFamilies } from '../shared/models/registry.ts';
import { assignmentFunctions } from '../shared/schedules/assignments/registry.ts';
import { learningRateCurves } from '../shared/training/learning-rate-curves/registry.ts';
import { optimizerFamilies } from '../shared/training/optimizers/registry.ts';
import { operatorsAreExported } from './conformance/exported-operators.ts';
import { optimizersConform } from './conformance/optimizers.ts';

const registries = [datasetFormats, modelFamilies, assignmentFunctions, learningRateCurves, optimizerFamilies];
const sizes = () => registries.map(({ length }) => length);

const before = sizes();
loadPlugins(
  readdirSync('examples/plugins').map((name) => `./${name}`),
  resolve('examples/plugins'),
);
const after = sizes();

it('every registry that is open has a member of a plugin', () => {
  expect(after.map((size, index) => size - before[index]!)).toEqual([2, 1, 1, 1, 1]);
});

operatorsAreExported([
  [
    { family: 'pointwise', width: 5 },
    { space: [6, 4], channels: 2, window: 2, statics: 1 },
  ],
]);
optimizersConform(['lion']);
await import('./datasets/registry.test.ts');
await import('./schedules/rate-table.test.ts');
await import('./training/learning-rate-curves/curves.test.ts');
