import fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { addProduct, productCore } from '../../shared/tensors/low-rank.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { openWeights } from '../../shared/weights/open-weights.ts';
import { fixturePath } from '../support/fixtures.ts';

const matrix = (seed: number, rows: number, columns: number) => {
  const random = randomFor(seed, rows, columns);
  return { shape: [rows, columns], data: Float64Array.from({ length: rows * columns }, () => random.normal()) };
};
const spectrum = ({ shape, data }: { shape: readonly number[]; data: Float32Array | Float64Array }) =>
  portableSolver.squaredSingularValues(shape[0]!, shape[1]!, data);
const zeros = (rows: number, columns: number) => ({ shape: [rows, columns], data: new Float64Array(rows * columns) });

it('the small core of a product has its non-zero singular values, whatever the shapes', () => {
  const size = fc.integer({ min: 1, max: 12 });
  fc.assert(
    fc.property(fc.integer(), size, size, size, (seed, outputs, inputs, rank) => {
      const [a, b] = [matrix(seed, rank, inputs), matrix(seed + 1, outputs, rank)];
      const whole = spectrum(addProduct(zeros(outputs, inputs), a, b, { scale: 1, transposed: false }));
      const core = spectrum(productCore(a, b));
      const largest = whole.at(-1)!;
      for (let i = 1; i <= whole.length; i++) {
        expect(Math.abs(whole.at(-i)! - (core.at(-i) ?? 0))).toBeLessThan(1e-12 * largest);
      }
    }),
    { numRuns: 100, seed: 1 },
  );
});

it('a weight that is stored [in, out] takes the transposed update', () => {
  const [a, b] = [matrix(1, 2, 5), matrix(2, 3, 2)];
  const plain = addProduct(zeros(3, 5), a, b, { scale: 0.5, transposed: false });
  const turned = addProduct(zeros(5, 3), a, b, { scale: 0.5, transposed: true });
  for (let i = 0; i < 15; i++) {
    expect(turned.data[(i % 5) * 3 + Math.floor(i / 5)]).toBeCloseTo(plain.data[i]!, 14);
  }
});

it('W + scale * BA is the merged weight', async () => {
  const folder = fixturePath('models', 'roberta-tiny-lora');
  const merged = await openSafetensors(await fileSource(`${folder}/expected.safetensors`));
  const { layers, read } = await openWeights(folder);
  const names = merged.names().filter((name) => name.startsWith('merged.'));
  expect(names).toHaveLength(4);
  for (const layer of layers.filter(({ matrix }) => matrix === 'W + scale * BA')) {
    const expected = await merged.readFloat64(`merged.${layer.weights[0]}`);
    const { data } = await read(layer.weights[0]!);
    for (let i = 0; i < data.length; i++) expect(Math.abs(data[i]! - expected.data[i]!)).toBeLessThan(1e-12);
  }
});
