/** A data set format: numbers one after the other without a header, as a solver in C or Fortran, or `tofile` of NumPy, writes them. */
import type { FieldFormat, FieldSettings, Plugin, PluginKit } from 'tempbalance';

interface RawFloatsSettings extends FieldSettings {
  readonly sizes: readonly number[];
  readonly double: boolean;
}

export default ({
  z,
  UserError,
  elementCount,
  fieldSettings,
  withFileBytes,
  linearArray,
  fileOfArrays,
}: PluginKit): Plugin => {
  const rawFloats: FieldFormat<RawFloatsSettings> = {
    name: 'rawFloats',
    kind: 'trajectories',
    configSchema: fieldSettings('rawFloats', 'Little-endian floats one after the other, without a header.').safeExtend({
      sizes: z.array(z.int().positive()).min(2).describe('Sizes of one sample, e.g. [41, 64]: times, points.'),
      double: z.boolean().default(false).describe('Whether numbers have 8 bytes; otherwise 4.'),
    }),
    withFile: (path, use, { sizes, double }) =>
      withFileBytes(path, async ({ size, read }) => {
        const sampleBytes = elementCount(sizes) * (double ? 8 : 4);
        if (size === 0 || size % sampleBytes !== 0) {
          throw new UserError(`has ${size} bytes, which is no whole number of samples of ${sampleBytes}`, {
            where: path,
            remedy: 'Set `dataset.sizes` to the sizes of one sample, and `dataset.double` where numbers have 8 bytes.',
          });
        }
        const shape = [size / sampleBytes, ...sizes];
        const type = double ? 'float64' : 'float32';
        const field = linearArray('field', { shape, type, littleEndian: true, columnMajor: false, start: 0 }, read);
        return use(fileOfArrays(path, 'raw floats', new Map([['field', field]])));
      }),
  };
  return { fieldFormats: [rawFloats] };
};
