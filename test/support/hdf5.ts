import { File, type GuessableDataTypes, ready } from 'h5wasm/node';

/** An array to be written; `shape` defaults to its length. */
interface WrittenArray {
  readonly data: GuessableDataTypes;
  readonly shape?: number[];
  readonly chunks?: number[];
}

type Group = ReturnType<File['create_group']>;

/** Writes an HDF5 file with these arrays, a name with a slash in a group, and attributes of them; those of '' are of the file. */
export async function writeHdf5(
  path: string,
  arrays: Record<string, WrittenArray>,
  attributes: Record<string, Record<string, number>> = {},
): Promise<string> {
  await ready;
  const file = new File(path, 'w');
  for (const [name, { data, shape, chunks }] of Object.entries(arrays)) {
    const parts = name.split('/');
    const last = parts.pop()!;
    const group = parts.reduce(
      (parent, part) => (parent.keys().includes(part) ? (parent.get(part) as Group) : parent.create_group(part)),
      file as Group,
    );
    group.create_dataset({
      name: last,
      data,
      ...(shape && { shape }),
      ...(chunks && { chunks, compression: 'gzip' as const }),
    });
  }
  for (const [name, values] of Object.entries(attributes)) {
    const owner = name === '' ? file : (file.get(name) as Group);
    for (const [key, value] of Object.entries(values)) owner.create_attribute(key, value);
  }
  file.close();
  return path;
}

/** 0, 1, 2, ... in this many elements of a shape, so that every element tells where it was. */
export function counting(shape: number[]): { data: Float32Array; shape: number[] } {
  const length = shape.reduce((product, size) => product * size, 1);
  return { data: Float32Array.from({ length }, (_, index) => index), shape };
}
