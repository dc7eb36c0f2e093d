/** NumPy's .npy: a header in Python's notation and the numbers behind it. numpy.lib.format describes it. */
import { formatShape } from '../../tensors/tensor.ts';
import type { ArrayFile } from './array-file.ts';
import type { FileBytes, ReadBytes } from './file-bytes.ts';
import { fileOfArrays } from './file-of-arrays.ts';
import { type LinearArray, linearArray, linearBytes } from './linear.ts';
import { type NumberType, numberType } from './number-types.ts';
import { cutOff, damaged } from './refusals.ts';

/** The first bytes of every .npy file, before two bytes of version. */
export const npySignature = '\x93NUMPY';

/** Longest header taken; NumPy itself refuses more than 10,000 characters of untrusted files. */
const maxHeaderBytes = 2 ** 20;
/** NumPy pads headers that it writes to a multiple of this. */
const headerMultiple = 64;
/** Axes that NumPy can have. */
const maxAxes = 64;

/** The name of the array in a file of one array that has no name. */
export const onlyArrayName = 'array';

/** A header: how the numbers lie, or why they can't be read as such. */
type Header = { array: LinearArray } | { refused: string };

const kinds = { f: 'float', i: 'int', u: 'uint' } as const;

function typeOf(descriptor: string): { type: NumberType; littleEndian: boolean } | { refused: string } {
  const [, order, kind, size] = /^([<>|=])([a-zA-Z])(\d*)$/.exec(descriptor) ?? [];
  if (kind === 'b' && size === '1') return { type: 'bool', littleEndian: true };
  const type = kind !== undefined && kind in kinds && numberType(kinds[kind as keyof typeof kinds], Number(size));
  if (type) return { type, littleEndian: order !== '>' };
  const words: Record<string, string> = { O: 'objects', c: 'complex numbers', U: 'texts', S: 'texts', V: 'raw bytes' };
  const word = words[kind ?? ''];
  return { refused: word ? `${word} ("${descriptor}")` : `of type "${descriptor}"` };
}

/**
 * Reads the header at the beginning of `size` bytes.
 * @throws BrokenInputError when it is damaged, or claims more numbers than there are bytes for.
 */
export async function readNpyHeader(path: string, what: string, read: ReadBytes, size: number): Promise<Header> {
  const bad = (reason: string) => damaged(path, `${what} is not an intact .npy: ${reason}`);
  if (size < 12) throw bad(`it has ${size} bytes`);
  const prefix = Buffer.from(await read(0, 12));
  if (prefix.toString('latin1', 0, 6) !== npySignature) throw bad('it does not begin as one');
  const version = prefix[6]!;
  if (version < 1 || version > 3) throw bad(`its version is ${version}`);
  const textStart = version === 1 ? 10 : 12;
  const length = version === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  const start = textStart + length;
  if (length > maxHeaderBytes) throw bad(`a header of ${length} bytes`);
  if (start > size) throw cutOff(path, `the header of ${what}`, start, size);
  const text = Buffer.from(await read(textStart, start)).toString(version === 3 ? 'utf8' : 'latin1');

  const descriptor = /['"]descr['"]\s*:\s*(?:['"]([^'"]*)['"]|(\[))/.exec(text);
  const order = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)?.[1];
  const sizes = /['"]shape['"]\s*:\s*\(([\d\s,L]*)\)/.exec(text)?.[1];
  if (!descriptor || order === undefined || sizes === undefined)
    throw bad('its header lacks descr, fortran_order or shape');
  if (descriptor[2]) return { refused: 'a structured array (records)' };
  const stored = typeOf(descriptor[1]!);
  if ('refused' in stored) return stored;
  const shape = sizes
    .split(',')
    .map((word) => word.replace('L', '').trim())
    .filter((word) => word !== '')
    .map(Number);
  const array = { shape, ...stored, columnMajor: order === 'True', start };
  if (shape.length > maxAxes || !shape.every(Number.isSafeInteger) || !Number.isSafeInteger(linearBytes(array))) {
    throw bad(`its shape is ${formatShape(shape.slice(0, maxAxes))}`);
  }
  if (start + linearBytes(array) > size) {
    throw cutOff(path, `${what}, ${stored.type} ${formatShape(shape)},`, linearBytes(array), size - start);
  }
  return { array };
}

/** Opens a .npy file, whose one array is named `array`. */
export async function openNpy(file: FileBytes): Promise<ArrayFile> {
  const { path, read, size } = file;
  const header = await readNpyHeader(path, 'the file', read, size);
  const content = 'refused' in header ? header : linearArray(onlyArrayName, header.array, read);
  return fileOfArrays(path, '.npy', new Map([[onlyArrayName, content]]));
}

/** The header of a .npy of little-endian float32, row-major; its numbers follow it. */
export function npyHeader(shape: readonly number[]): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const prefixBytes = 10;
  const unpadded = prefixBytes + text.length + 1;
  const padded = `${text}${' '.repeat(headerMultiple * Math.ceil(unpadded / headerMultiple) - unpadded)}\n`;
  return Buffer.concat([
    Buffer.from(npySignature, 'latin1'),
    Buffer.from([1, 0, padded.length & 0xff, padded.length >>> 8]),
    Buffer.from(padded, 'latin1'),
  ]);
}
