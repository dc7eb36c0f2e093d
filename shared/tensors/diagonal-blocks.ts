import type { WeightTensor } from './tensor.ts';

/** The blocks of a complex block-diagonal matrix, stored as `[2, blocks, in, out]` with all real parts first, as `[in, out, blocks, 2]` in float64. */
export function wholeOfBlocks({ shape, data }: WeightTensor): WeightTensor<Float64Array> {
  const [, blocks, rows, columns] = shape as [number, number, number, number];
  const size = rows * columns;
  const whole = new Float64Array(data.length);
  for (let part = 0; part < 2; part++) {
    for (let block = 0; block < blocks; block++) {
      for (let entry = 0; entry < size; entry++) {
        whole[2 * (entry * blocks + block) + part] = data[(part * blocks + block) * size + entry]!;
      }
    }
  }
  return { shape: [rows, columns, blocks, 2], data: whole };
}
