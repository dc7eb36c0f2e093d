/** MATLAB's MAT-file of level 5 (`save -v6` and `-v7`), as "MAT-File Format" by The MathWorks describes it. */
import { elementCount, formatShape } from '../../tensors/tensor.ts';
import type { ArrayFile, StoredArray } from './array-file.ts';
import type { FileBytes, ReadBytes } from './file-bytes.ts';
import { fileOfArrays, type NamedContent } from './file-of-arrays.ts';
import { allowance, checkInflatedSize, type Deflated, inflatedBytes, inflatedHead } from './inflated.ts';
import { type LinearArray, linearArray, linearBytes } from './linear.ts';
import type { NumberType } from './number-types.ts';
import { cutOff, damaged } from './refusals.ts';

/** Bytes of text, version and byte order before the first element. */
const fileHeaderBytes = 128;
/** Elements of a file that are looked at. */
const maxElements = 10_000;
/** Flags, sizes and name of an array stand within so many bytes of its beginning: 32 axes, and a name of 63 letters. */
const headBytes = 1024;
/** Axes of an array that are taken. */
const maxAxes = 32;

/** Tags of elements. */
const matrixTag = 14;
const compressedTag = 15;

/** Types in which the numbers of an array are stored, by tag; an array of doubles may lie in the file as int16. */
const storedTypes: Readonly<Record<number, NumberType>> = {
  1: 'int8',
  2: 'uint8',
  3: 'int16',
  4: 'uint16',
  5: 'int32',
  6: 'uint32',
  7: 'float32',
  9: 'float64',
  12: 'int64',
  13: 'uint64',
};

/** Classes of arrays of numbers, by number. */
const numericClasses: Readonly<Record<number, NumberType>> = {
  6: 'float64',
  7: 'float32',
  8: 'int8',
  9: 'uint8',
  10: 'int16',
  11: 'uint16',
  12: 'int32',
  13: 'uint32',
  14: 'int64',
  15: 'uint64',
};
const otherClasses: Readonly<Record<number, string>> = {
  1: 'a cell array',
  2: 'a struct',
  3: 'an object',
  4: 'a text (char)',
  5: 'a sparse matrix',
  16: 'a function',
  17: 'an opaque object',
};
const complexFlag = 0x08;
const logicalFlag = 0x02;

/** The beginning of a .mat file of level 5: whether its numbers are little-endian; undefined when it is none. */
export function mat5Order(head: Uint8Array): { littleEndian: boolean } | undefined {
  if (head.length < fileHeaderBytes) return undefined;
  const mark = Buffer.from(head.subarray(124, 128)).toString('latin1');
  if (mark === '\x00\x01IM') return { littleEndian: true };
  return mark === '\x01\x00MI' ? { littleEndian: false } : undefined;
}

/** A tag: what follows, how many bytes of it, and where. */
interface Tag {
  readonly type: number;
  readonly bytes: number;
  /** Offset of the data from the beginning of the tag. */
  readonly data: number;
  /** Offset of the next tag. */
  readonly next: number;
}

function tagAt(view: DataView, at: number, littleEndian: boolean): Tag {
  const first = view.getUint32(at, littleEndian);
  const small = first >>> 16;
  if (small > 0) return { type: first & 0xffff, bytes: small, data: 4, next: 8 };
  const bytes = view.getUint32(at + 4, littleEndian);
  return { type: first, bytes, data: 8, next: 8 + Math.ceil(bytes / 8) * 8 };
}

/** What the head of an array says; `shape` etc. without the place of the numbers where it holds none that can be read. */
type Head = { name: string } & ({ refused: string } | { type: NumberType; array: LinearArray });

/** @param head the first bytes of an array's content. @param size bytes of the whole content. */
function parseHead(head: Uint8Array, size: number, littleEndian: boolean): Head {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const flags = tagAt(view, 0, littleEndian);
  const word = view.getUint32(flags.data, littleEndian);
  const classNumber = word & 0xff;
  const opaque = classNumber === 17;
  let at = flags.next;
  const shape: number[] = [];
  if (!opaque) {
    const sizes = tagAt(view, at, littleEndian);
    if (sizes.type !== 5 || sizes.bytes % 4 !== 0 || sizes.bytes > 4 * maxAxes)
      throw new Error('its sizes are malformed');
    for (let offset = 0; offset < sizes.bytes; offset += 4) {
      shape.push(view.getInt32(at + sizes.data + offset, littleEndian));
    }
    if (shape.some((length) => length < 0)) throw new Error(`its shape is ${formatShape(shape)}`);
    at += sizes.next;
  }
  const text = tagAt(view, at, littleEndian);
  if (text.type !== 1 || text.bytes > headBytes) throw new Error('its name is malformed');
  const name = Buffer.from(head.subarray(at + text.data, at + text.data + text.bytes)).toString('latin1');
  at += text.next;
  const type = numericClasses[classNumber];
  if (!type) return { name, refused: otherClasses[classNumber] ?? `of an unknown class (${classNumber})` };
  if ((word >> 8) & complexFlag) return { name, refused: 'an array of complex numbers' };

  const values = tagAt(view, at, littleEndian);
  const stored = storedTypes[values.type];
  if (!stored) throw new Error(`array "${name}": its numbers are of an unknown type (${values.type})`);
  const array = { shape, type: stored, littleEndian, columnMajor: true, start: at + values.data };
  const needed = linearBytes(array);
  if (needed !== values.bytes || array.start + needed > size) {
    const present = Math.min(values.bytes, size - array.start);
    throw new Error(`array "${name}" ${formatShape(shape)} needs ${needed} bytes of ${stored}, and has ${present}`);
  }
  return { name, type: (word >> 8) & logicalFlag ? 'bool' : type, array };
}

/** Opens a .mat file of level 5, hands it to `use`, and frees what its arrays hold. */
export async function withMat5<Result>(
  file: FileBytes,
  littleEndian: boolean,
  use: (arrays: ArrayFile) => Result | Promise<Result>,
): Promise<Result> {
  const { path } = file;
  const entries = new Map<string, NamedContent>();
  const closers: (() => Promise<void>)[] = [];
  const keep = allowance();
  try {
    let at = fileHeaderBytes;
    for (let count = 0; at < file.size; count++) {
      if (count >= maxElements) throw damaged(path, `has more than ${maxElements} elements`);
      if (at + 8 > file.size) throw cutOff(path, 'the tag of an element', 8, file.size - at);
      const [type, bytes] = words(await file.read(at, at + 8), littleEndian);
      const start = at + 8;
      const end = start + bytes!;
      if (end > file.size) throw cutOff(path, `element ${count + 1}`, bytes!, file.size - start);
      if (type === matrixTag && bytes! > 0) {
        const head = await file.read(start, Math.min(end, start + headBytes));
        const read: ReadBytes = (from, to) => file.read(start + from, start + to);
        addArray(entries, path, count, head, bytes!, littleEndian, bytes!, () => read);
      } else if (type === compressedTag) {
        const what = `element ${count + 1}`;
        const source: Deflated = { what, format: 'zlib', start, end };
        const head = await inflatedHead(file, source, 8 + headBytes);
        if (head.length < 8) throw cutOff(path, what, 8, head.length);
        const [inner, size] = words(head, littleEndian);
        if (inner !== matrixTag) throw damaged(path, `${what} does not hold an array`);
        checkInflatedSize(path, source, size!);
        if (size! > 0) {
          addArray(entries, path, count, head.subarray(8), size!, littleEndian, bytes!, () => {
            const inflated = inflatedBytes(file, source, 8 + size!, keep);
            closers.push(inflated.close);
            return (from, to) => inflated.read(8 + from, 8 + to);
          });
        }
      }
      at = end;
    }
    return await use(fileOfArrays(path, 'MATLAB v5', entries));
  } finally {
    for (const close of closers) await close();
  }
}

function words(bytes: Uint8Array, littleEndian: boolean): [type: number, bytes: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return [view.getUint32(0, littleEndian), view.getUint32(4, littleEndian)];
}

function addArray(
  entries: Map<string, NamedContent>,
  path: string,
  count: number,
  head: Uint8Array,
  size: number,
  littleEndian: boolean,
  storedBytes: number,
  open: () => ReadBytes,
): void {
  try {
    const parsed = parseHead(head, size, littleEndian);
    // What belongs to objects has no name.
    if (parsed.name === '') return;
    entries.set(parsed.name, 'refused' in parsed ? parsed : storedArray(parsed, storedBytes, open()));
  } catch (cause) {
    const reason = cause instanceof RangeError ? 'its head is cut off' : (cause as Error).message;
    throw damaged(path, `element ${count + 1} can't be read: ${reason}`, cause);
  }
}

const storedArray = (
  { name, type, array }: Extract<Head, { array: LinearArray }>,
  storedBytes: number,
  read: ReadBytes,
): StoredArray => ({ ...linearArray(name, array, read, storedBytes), type });

/** Whether the file begins as one of level 4 does: five whole numbers of few values. */
export function isMat4(head: Uint8Array): boolean {
  if (head.length < 20) return false;
  const view = new DataView(head.buffer, head.byteOffset, 20);
  return [true, false].some((littleEndian) => {
    const [kind, rows, columns, imaginary, nameLength] = [0, 4, 8, 12, 16].map((at) => view.getInt32(at, littleEndian));
    const [order, zero, precision, matrix] = [1000, 100, 10, 1].map((power) => Math.floor(kind! / power) % 10);
    const knownKind = kind! >= 0 && kind! < 5000 && zero === 0 && precision! <= 5 && matrix! <= 2;
    return (
      knownKind &&
      order === (littleEndian ? 0 : 1) &&
      elementCount([rows!, columns!]) > 0 &&
      rows! > 0 &&
      (imaginary === 0 || imaginary === 1) &&
      nameLength! > 1 &&
      nameLength! <= 64
    );
  });
}
