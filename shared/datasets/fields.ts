/** Fields in files of arrays: HDF5 as PDEBench and The Well write it, NumPy, MATLAB, Zarr. */
import { withArrayFile } from './arrays/open-arrays.ts';
import type { FieldFormat } from './dataset.ts';
import { type FieldSettings, fieldSettings } from './field-settings.ts';

/** A format of such files by this name. */
const formatNamed = <Name extends string>(name: Name, description: string) =>
  ({
    name,
    kind: 'trajectories',
    configSchema: fieldSettings(name, description),
    withFile: (path, use) => withArrayFile(path, use),
  }) as const satisfies FieldFormat<FieldSettings & { readonly format: Name }>;

/** The name under which earlier versions knew PDEBench's files; the same settings. */
export const pdebench = formatNamed('pdebench', "PDEBench's HDF5 files.");

export const fields = formatNamed(
  'fields',
  'Arrays of fields in HDF5, .npy, .npz, MATLAB (.mat, v5 and v7.3) or a Zarr folder.',
);
