/** Reading and writing safetensors: 8-byte little-endian header length, JSON header, raw little-endian data. */
import { endianness } from 'node:os';
import { z } from 'zod';
import { collectGarbage } from '../core/collect-garbage.ts';
import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import type { ByteSource } from './byte-source.ts';
import { bytesPerElement, bytesPerRead, type DType, decode, decodedAs, halfTypeOf, readShape } from './elements.ts';
import { type FileParts, joinedParts } from './file-parts.ts';
import { elementCount, formatShape, type HalfTensor, type HostTensor, isHalf } from './tensor.ts';

/** Key of the header that is no tensor. */
const metadataName = '__metadata__';

/** Largest header taken; a million tensors need about as much. */
const maxHeaderBytes = 100_000_000;

const entrySchema = z.object({
  dtype: z.enum(Object.keys(bytesPerElement) as [DType, ...DType[]]),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/** The position of one tensor in the file. */
export interface SafetensorsEntry {
  readonly dtype: DType;
  /** As it is read: of complex numbers, the parts are the last axis, `[..., 2]`. */
  readonly shape: readonly number[];
  /** Byte range in the file. */
  readonly start: number;
  readonly end: number;
}

/** An opened file: the header is read and checked, tensors are read when asked for. */
export interface SafetensorsFile {
  readonly label: string;
  readonly metadata: Readonly<Record<string, string>>;
  names(): string[];
  /** @throws UserError when there is no such tensor. */
  entry(name: string): SafetensorsEntry;
  /** As float32, whatever the stored type. @throws UserError when it is missing, or neither of a float type nor I64. */
  read(name: string): Promise<HostTensor>;
  /**
   * As it is stored, in memory that threads can share: float32, and 16-bit floats by their bits. Others as `read` gives them.
   * @throws UserError as `read`
   */
  readAsStored(name: string): Promise<HostTensor | HalfTensor>;
  /** Reads one tensor, converted to float64. */
  readFloat64(name: string): Promise<HostTensor<Float64Array>>;
  /** Elements `from` .. `to` in row-major order: float64 where they are stored so, else float32. */
  readElements(name: string, from: number, to: number): Promise<Float32Array | Float64Array>;
  /** Every tensor as float32. */
  readAll(): Promise<Map<string, HostTensor>>;
}

const damaged = (label: string, what: string, cause?: unknown) =>
  new UserError(what, {
    where: label,
    remedy: 'The file is damaged or not safetensors: fetch or export it again.',
    cause,
  });

async function readHeader(source: ByteSource): Promise<{ header: Record<string, unknown>; dataStart: number }> {
  if (source.size < 8) throw damaged(source.label, `has only ${source.size} bytes, too few for a safetensors header`);
  const prefix = await source.read(0, 8);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(source.size - 8)) {
    throw damaged(
      source.label,
      `header claims ${length} bytes but the file has ${source.size}; it is probably cut off`,
    );
  }
  if (length > BigInt(maxHeaderBytes)) throw damaged(source.label, `header of ${length} bytes is absurdly large`);
  const dataStart = 8 + Number(length);
  const bytes = await source.read(8, dataStart);
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof header !== 'object' || header === null || Array.isArray(header)) throw new Error('not a JSON object');
    return { header: header as Record<string, unknown>, dataStart };
  } catch (cause) {
    throw damaged(source.label, 'header is not a JSON object', cause);
  }
}

function checkEntry(label: string, name: string, raw: unknown, dataStart: number, fileSize: number): SafetensorsEntry {
  const parsed = entrySchema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw damaged(label, `tensor "${name}": header entry ${issue.path.join('.')}: ${issue.message}`);
  }
  const { dtype, shape } = parsed.data;
  const [from, to] = parsed.data.data_offsets;
  if (to < from) throw damaged(label, `tensor "${name}": ends at offset ${to}, before it starts at ${from}`);
  const bytes = elementCount(shape) * bytesPerElement[dtype];
  if (to - from !== bytes) {
    throw damaged(
      label,
      `tensor "${name}": ${dtype} ${formatShape(shape)} needs ${bytes} bytes but its offsets span ${to - from}`,
    );
  }
  if (dataStart + to > fileSize) {
    throw damaged(
      label,
      `tensor "${name}": ends at byte ${dataStart + to} but the file has ${fileSize}; it is probably cut off`,
    );
  }
  return { dtype, shape: readShape(dtype, shape), start: dataStart + from, end: dataStart + to };
}

/**
 * The format demands that tensors cover the data exactly: nothing may hide in a gap, behind the end or in two tensors at
 * once.
 */
function checkCoverage(
  label: string,
  entries: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
  fileSize: number,
): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let before: [name: string, end: number] | undefined;
  for (const [name, { start, end }] of inOrder) {
    const [neighbour, covered] = before ?? [undefined, dataStart];
    if (start < covered) throw damaged(label, `tensors "${neighbour}" and "${name}" overlap`);
    if (start > covered) {
      throw damaged(label, `${start - covered} bytes before tensor "${name}" belong to no tensor`);
    }
    before = [name, end];
  }
  const rest = fileSize - (before?.[1] ?? dataStart);
  if (rest > 0) throw damaged(label, `the last ${rest} bytes belong to no tensor`);
}

/** Whether numbers of a type are read in float64. */
export const isFloat64 = ({ dtype }: { readonly dtype: DType }): boolean => decodedAs(dtype) === 'F64';

/** What is said of a tensor of whole numbers, or of a type that has no values here. */
export const notFloats = (label: string, name: string, dtype: DType): UserError =>
  new UserError(`tensor "${name}" is ${dtype}, not a float type or I64`, {
    where: label,
    remedy: 'Convert it in Python, e.g. `tensor.float()`, and save the file again.',
  });

/**
 * Opens a safetensors file without reading its tensors.
 * @throws UserError for a malformed header, absurd sizes, or offsets that overlap, leave gaps or leave the file.
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const { header, dataStart } = await readHeader(source);
  const { [metadataName]: metadata, ...rest } = header;
  const entries = new Map(
    Object.entries(rest).map(([name, raw]) => [name, checkEntry(source.label, name, raw, dataStart, source.size)]),
  );
  checkCoverage(source.label, entries, dataStart, source.size);

  const entry = (name: string): SafetensorsEntry => {
    const found = entries.get(name);
    if (!found) {
      throw new UserError(`has no tensor "${name}"`, {
        where: source.label,
        remedy: didYouMean(name, [...entries.keys()]) || `It has: ${[...entries.keys()].join(', ')}.`,
      });
    }
    return found;
  };
  /** Fills `into` with a tensor's elements from `first` on. */
  const readInto = async <Data extends Float32Array | Float64Array>(name: string, first: number, into: Data) => {
    const { dtype, start } = entry(name);
    const floats = decodedAs(dtype);
    if (floats === undefined) throw notFloats(source.label, name, dtype);
    const size = bytesPerElement[floats];
    const from = start + first * size;
    const end = from + into.length * size;
    for (let at = from; at < end; at += bytesPerRead) {
      const bytes = await source.read(at, Math.min(end, at + bytesPerRead));
      decode(bytes, floats, into, (at - from) / size);
    }
    return into;
  };
  const readWhole = async <Data extends Float32Array | Float64Array>(name: string, make: (length: number) => Data) => {
    const { shape } = entry(name);
    return { shape, data: await readInto(name, 0, make(elementCount(shape))) };
  };
  const readBytes = async (name: string, into: Uint8Array) => {
    const { start } = entry(name);
    for (let at = 0; at < into.length; at += bytesPerRead) {
      into.set(await source.read(start + at, start + Math.min(into.length, at + bytesPerRead)), at);
    }
  };
  const read = (name: string) => readWhole(name, (length) => new Float32Array(length));

  return {
    label: source.label,
    metadata: z.record(z.string(), z.string()).catch({}).parse(metadata),
    names: () => [...entries.keys()],
    entry,
    read,
    async readAsStored(name) {
      const { dtype, shape } = entry(name);
      const length = elementCount(shape);
      if (dtype === 'F32') return readWhole(name, () => new Float32Array(new SharedArrayBuffer(4 * length)));
      const half = halfTypeOf(dtype);
      if (half === undefined || endianness() !== 'LE') return read(name);
      const data = new Uint16Array(new SharedArrayBuffer(2 * length));
      await readBytes(name, new Uint8Array(data.buffer));
      return { shape, dtype: half, data };
    },
    readFloat64: (name) => readWhole(name, (length) => new Float64Array(length)),
    readElements(name, from, to) {
      const length = to - from;
      return readInto(name, from, isFloat64(entry(name)) ? new Float64Array(length) : new Float32Array(length));
    },
    async readAll() {
      const tensors = new Map<string, HostTensor>();
      for (const name of entries.keys()) tensors.set(name, await read(name));
      return tensors;
    },
  };
}

/** Bytes that are freed until garbage is collected; freed memory can be reused only then. */
const bytesPerCollection = 2 ** 27;

/** Gives up the memory of an array that has it to itself; the array is empty then. */
function free({ buffer, byteLength }: Float32Array | Uint16Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

const storedTypes = { float16: 'F16', bfloat16: 'BF16' } as const;

/** The fewest bytes of a part; smaller rests are joined with the next part. */
const leastPart = 2 ** 20;

/** Parts of some size: small ones are joined. @param areFreed whether a part is there only until the next one is asked for */
function* gathered(parts: Iterable<Uint8Array>, areFreed: boolean): Generator<Uint8Array> {
  let small: Uint8Array[] = [];
  let bytes = 0;
  for (const part of parts) {
    if (part.length < leastPart) {
      small.push(areFreed ? part.slice() : part);
      bytes += part.length;
    }
    if (bytes >= leastPart || (bytes > 0 && part.length >= leastPart)) {
      yield Buffer.concat(small);
      small = [];
      bytes = 0;
    }
    if (part.length >= leastPart) yield part;
  }
  if (bytes > 0) yield Buffer.concat(small);
}

/** Numbers as they lie in a file, where that can be in their own memory. */
function littleEndian(data: Float32Array | Uint16Array): Uint8Array {
  if (endianness() === 'LE') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const view = new DataView(new ArrayBuffer(data.byteLength));
  if (data instanceof Uint16Array) for (let i = 0; i < data.length; i++) view.setUint16(2 * i, data[i]!, true);
  else for (let i = 0; i < data.length; i++) view.setFloat32(4 * i, data[i]!, true);
  return new Uint8Array(view.buffer);
}

/**
 * A file with these tensors, float32 or 16-bit floats, in the map's order; the header is padded to a multiple of 8. Parts are read from the tensors' own
 * memory when they are asked for.
 * @param options.consumes whether each tensor's memory is freed as soon as the next part is asked for, so that they are not in memory twice
 * @throws RangeError for a tensor whose values don't fill its shape, or one of the name that the format reserves.
 */
export function safetensorsParts(
  tensors: ReadonlyMap<string, HostTensor | HalfTensor>,
  metadata: Record<string, string> = {},
  { consumes = false } = {},
): FileParts {
  const entries: [name: string, entry: unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push([metadataName, metadata]);
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const { shape, data } = tensor;
    if (data.length !== elementCount(shape))
      throw new RangeError(`${name}: ${data.length} values for ${formatShape(shape)}`);
    if (name === metadataName) throw new RangeError(`${name}: can't be the name of a tensor`);
    const dtype = isHalf(tensor) ? storedTypes[tensor.dtype] : 'F32';
    entries.push([name, { dtype, shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const header = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20, 8);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(text, 8);
  function* parts(): Generator<Uint8Array> {
    yield header;
    let freed = 0;
    for (const { data } of tensors.values()) {
      const { byteLength } = data;
      yield littleEndian(data);
      if (!consumes) continue;
      free(data);
      freed += byteLength;
      if (freed < bytesPerCollection) continue;
      collectGarbage(freed);
      freed = 0;
    }
  }
  return { size: header.length + offset, parts: gathered(parts(), consumes) };
}

/** The bytes of such a file. Takes and throws what `safetensorsParts` does. */
export const encodeSafetensors = (...given: Parameters<typeof safetensorsParts>): Uint8Array =>
  joinedParts(safetensorsParts(...given));
