/**
 * Checkpoints of PyTorch's, read by ranges: the ZIP archive of version 1.6 and later, and the stream of pickles before it. Layouts:
 * torch/serialization.py. Nothing in them is ever run (`unpickle.ts`).
 */
import { endianness } from 'node:os';
import { UserError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { ByteSource } from '../byte-source.ts';
import {
  bytesPerElement,
  bytesPerRead,
  type DecodedType,
  type DType,
  decode,
  decodedAs,
  halfTypeOf,
  readShape,
} from '../elements.ts';
import { notFloats } from '../safetensors.ts';
import { elementCount, formatShape } from '../tensor.ts';
import type { TensorFile } from '../tensor-store.ts';
import { stateDictIn } from './state-dict.ts';
import { type StorageOf, torchHost } from './torch-objects.ts';
import { PickleCutOff, unpickle } from './unpickle.ts';
import type { PickledStorage, PickledTensor, PickledValue } from './values.ts';
import { openZip } from './zip.ts';

/** The largest pickle that is taken: numbers lie outside it, so that a model of ten thousand tensors has a few MB. */
const maxPickleBytes = 32 * 2 ** 20;

/** Bytes of a storage. */
interface StoredBytes {
  readonly size: number;
  read(start: number, end: number): Promise<Uint8Array>;
}

/** The objects in a file, and the storages of their numbers. */
interface TorchContent {
  readonly root: PickledValue;
  readonly littleEndian: boolean;
  /** @throws UserError when there is no such storage */
  storage(key: string): StoredBytes;
}

const damaged = (label: string, what: string, cause?: unknown) =>
  new UserError(what, { where: label, remedy: 'The file is damaged or cut off: fetch or save it again.', cause });

const notPyTorch = (label: string, what: string) =>
  new UserError(what, {
    where: label,
    remedy: 'Give a file that `torch.save(model.state_dict(), path)` wrote, or a .safetensors file.',
  });

/**
 * Opens a checkpoint without reading its tensors; complex numbers are read as pairs, `[..., 2]`.
 * @throws UserError when it holds anything besides tensors and plain containers, naming it, when it is damaged, or when it can't be told
 * which of its tensors are the model's
 */
export async function openTorch(source: ByteSource): Promise<TensorFile> {
  const { label } = source;
  const content = await contentOf(source);
  const { tensors, notes } = stateDictIn(content.root, label);
  const entries = new Map([...tensors].map(([name, tensor]) => [name, placed(tensor, name, source, content)]));
  const find = (name: string): Placed => {
    const found = entries.get(name);
    if (found) return found;
    throw new UserError(`has no tensor "${name}"`, { where: label, remedy: didYouMean(name, [...entries.keys()]) });
  };
  const readInto = async <Data extends Float32Array | Float64Array>(name: string, first: number, into: Data) => {
    const entry = find(name);
    if (!entry.view) throw notFloats(label, name, entry.dtype);
    await fill(entry.view, first, into, content.littleEndian);
    return into;
  };
  const isFloat64 = (name: string) => find(name).view?.floats === 'F64';
  const whole = async <Data extends Float32Array | Float64Array>(name: string, make: (length: number) => Data) => {
    const { shape } = find(name);
    return { shape, data: await readInto(name, 0, make(elementCount(shape))) };
  };
  const read = (name: string) => whole(name, (length) => new Float32Array(length));
  return {
    label,
    notes,
    names: () => [...entries.keys()],
    entry: find,
    read,
    async readAsStored(name) {
      const { dtype, shape, view } = find(name);
      const length = elementCount(shape);
      if (dtype === 'F32') return whole(name, () => new Float32Array(new SharedArrayBuffer(4 * length)));
      const half = halfTypeOf(dtype);
      if (half === undefined || !view || endianness() !== 'LE') return read(name);
      const data = new Uint16Array(new SharedArrayBuffer(2 * length));
      await fillBits(view, data, content.littleEndian);
      return { shape, dtype: half, data };
    },
    readFloat64: (name) => whole(name, (length) => new Float64Array(length)),
    readElements: (name, from, to) =>
      readInto(name, from, isFloat64(name) ? new Float64Array(to - from) : new Float32Array(to - from)),
  };
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** What a pickle begins with: its protocol or, of the oldest ones, a container or a name. */
const firstOfPickles = ['\x80', 'c', '(', '}', ']', 'i'];

async function contentOf(source: ByteSource): Promise<TorchContent> {
  const { label, size } = source;
  const start = await source.read(0, Math.min(size, 512));
  const text = latin1(start);
  if (text.startsWith('PK\x03\x04')) return openArchive(source);
  if (firstOfPickles.includes(text[0]!)) return openStream(source);
  if (text.slice(257, 262) === 'ustar') {
    throw notPyTorch(label, 'is a tar archive, as PyTorch wrote them before version 0.2');
  }
  if (text[8] === '{') {
    throw new UserError('is a safetensors file under another name', {
      where: label,
      remedy: 'Rename it to end in .safetensors.',
    });
  }
  throw notPyTorch(label, size === 0 ? 'is empty' : 'is no file of PyTorch');
}

/** The archive: `data.pkl`, and a record for each storage. */
async function openArchive(source: ByteSource): Promise<TorchContent> {
  const { label } = source;
  const records = await openZip(source);
  const main = [...records.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (main === undefined) throw notPyTorch(label, 'is a ZIP archive, but holds no data.pkl');
  const folder = main.slice(0, -'data.pkl'.length);
  if (records.has(`${folder}constants.pkl`)) {
    throw new UserError('is a TorchScript program, not a state dict', {
      where: label,
      remedy: 'Save its tensors alone: `torch.save(torch.jit.load(path).state_dict(), "model.pt")`.',
    });
  }
  const record = records.get(main)!;
  if (record.size > maxPickleBytes) throw tooLargePickle(label);
  const bytes = await record.read(0, record.size);
  const host = torchHost(`${label}/${main}`, 0, ({ key, dtype, count }) => ({
    kind: 'storage',
    key,
    dtype,
    count,
    first: 0,
  }));
  return {
    root: whole(`${label}/${main}`, () => unpickle(bytes, host).value),
    littleEndian: await isLittleEndian(),
    storage(key) {
      const stored = records.get(`${folder}data/${key}`);
      if (stored) return stored;
      throw damaged(label, `has no record data/${key}, in which numbers of a tensor should be`);
    },
  };

  async function isLittleEndian(): Promise<boolean> {
    const order = records.get(`${folder}byteorder`);
    if (!order) return true;
    const text = latin1(await order.read(0, Math.min(order.size, 16)));
    if (text === 'little' || text === 'big') return text === 'little';
    throw damaged(label, `names an order of bytes that is none: ${JSON.stringify(text)}`);
  }
}

/** What the stream begins with: this number, the version of its layout, sizes of the machine that wrote it. */
const streamMagic = 0x1950a86a20f9469cfc6cn;
const streamVersion = 1001;

/** The stream: pickles one after another, then the storages, each with its count before it. */
async function openStream(source: ByteSource): Promise<TorchContent> {
  const { label, size } = source;
  const storages = new Map<string, { readonly dtype: DType | undefined; readonly count: number }>();
  const storageOf: StorageOf = ({ key, dtype, count, view }) => {
    storages.set(key, { dtype, count });
    const parts = viewParts(view);
    return parts && { kind: 'storage', key, dtype, count, first: parts.first };
  };
  const host = torchHost(label, 0, storageOf);
  const read = (bytes: Uint8Array) => {
    const values: PickledValue[] = [];
    let at = 0;
    while (values.length < 5) {
      const { value, end } = unpickle(bytes, host, at);
      values.push(value);
      at = end;
      if (values.length === 1 && value !== streamMagic) {
        throw notPyTorch(label, 'is a pickle, but not one that torch.save wrote');
      }
    }
    return { values, at };
  };
  const { values, at } = await growing(source, read);
  const [, version, , root, keys] = values;
  if (version !== streamVersion)
    throw notPyTorch(label, `is a file of PyTorch's of an unknown version, ${String(version)}`);
  const places = new Map<string, StoredBytes>();
  let start = at;
  for (const key of Array.isArray(keys) ? keys : []) {
    const known = typeof key === 'string' ? storages.get(key) : undefined;
    if (!known) throw damaged(label, 'lists a storage that no tensor is in');
    if (start + 8 > size) throw damaged(label, 'ends before its storages do');
    const header = await source.read(start, start + 8);
    const count = Number(new DataView(header.buffer, header.byteOffset, 8).getBigInt64(0, true));
    const bytes = count * (known.dtype === undefined ? 1 : bytesPerElement[known.dtype]);
    const first = start + 8;
    if (!(count >= 0 && first + bytes <= size))
      throw damaged(label, `storage ${key as string} claims ${bytes} bytes, but the file has ${size}`);
    places.set(key as string, { size: bytes, read: (from, to) => source.read(first + from, first + to) });
    start = first + bytes;
  }
  return {
    root: root!,
    littleEndian: true,
    storage(key) {
      const place = places.get(key);
      if (place) return place;
      throw damaged(label, `does not list storage ${key}, in which numbers of a tensor should be`);
    },
  };
}

/** Of versions that kept parts of storages as objects of their own: where a part begins. */
function viewParts(view: PickledValue | undefined): { first: number } | undefined {
  if (view === null || view === undefined) return { first: 0 };
  const items = typeof view === 'object' && 'kind' in view && view.kind === 'tuple' ? view.items : [];
  const first = items[1];
  return typeof first === 'number' && Number.isSafeInteger(first) && first >= 0 ? { first } : undefined;
}

/** Reads more of the beginning of a file until it is enough. */
async function growing<Result>(source: ByteSource, read: (bytes: Uint8Array) => Result): Promise<Result> {
  for (let length = 2 ** 20; ; length *= 4) {
    const end = Math.min(length, source.size, maxPickleBytes);
    try {
      return read(await source.read(0, end));
    } catch (error) {
      if (!(error instanceof PickleCutOff)) throw error;
      if (end === source.size) throw damaged(source.label, 'ends in the middle of a pickle', error);
      if (end === maxPickleBytes) throw tooLargePickle(source.label);
    }
  }
}

function whole(label: string, read: () => PickledValue): PickledValue {
  try {
    return read();
  } catch (error) {
    throw error instanceof PickleCutOff ? damaged(label, 'ends in the middle of a pickle', error) : error;
  }
}

const tooLargePickle = (label: string) =>
  new UserError(`has a pickle of more than ${maxPickleBytes / 2 ** 20} MiB, too many objects for a model's weights`, {
    where: label,
    remedy: 'Save the state dict alone: `torch.save(model.state_dict(), path)`.',
  });

/** A tensor as it is read: by its parts, where it is complex. */
interface View {
  readonly floats: DecodedType;
  readonly storage: StoredBytes;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

interface Placed {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Absent of a type that can't be read. */
  readonly view?: View;
}

/** Largest index of an element, counted from the begin of the storage, plus one; 0 of a tensor without elements. */
const extentOf = ({ offset, shape, strides }: Pick<PickledTensor, 'offset' | 'shape' | 'strides'>) =>
  elementCount(shape) === 0 ? 0 : shape.reduce((last, size, axis) => last + (size - 1) * strides[axis]!, offset) + 1;

/** Where a tensor lies. @throws UserError when it has more numbers than the file, or reaches beyond its storage. */
function placed(tensor: PickledTensor, name: string, { label, size }: ByteSource, content: TorchContent): Placed {
  const { dtype, shape, storage } = tensor;
  const count = elementCount(shape);
  const place = `tensor "${name}": ${dtype} ${formatShape(shape)}`;
  if (count * bytesPerElement[dtype] > size) {
    throw damaged(label, `${place} needs ${count * bytesPerElement[dtype]} bytes, but the whole file has ${size}`);
  }
  const readAs = readShape(dtype, shape);
  const floats = decodedAs(dtype);
  const stored = count === 0 ? empty : content.storage(storage.key);
  const needed = extentOf(tensor) * bytesPerElement[dtype];
  if (needed > Math.min(stored.size, storageBytes(storage))) {
    throw damaged(label, `${place} ends at byte ${needed} of its storage, which has ${stored.size}`);
  }
  if (floats === undefined) return { dtype, shape };
  const pairs = readAs.length > shape.length;
  const strides = pairs ? [...tensor.strides.map((stride) => 2 * stride), 1] : tensor.strides;
  const offset = pairs ? 2 * tensor.offset : tensor.offset;
  return { dtype, shape: readAs, view: { floats, storage: stored, offset, shape: readAs, strides } };
}

const empty: StoredBytes = { size: 0, read: async () => new Uint8Array() };

const storageBytes = ({ count, dtype }: PickledStorage) => count * (dtype === undefined ? 1 : bytesPerElement[dtype]);

/** Whether neighbours in memory are neighbours in row-major order. */
function isContiguous({ shape, strides }: View): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Fills `into` with the elements from `first` on, in row-major order. */
async function fill(
  view: View,
  first: number,
  into: Float32Array | Float64Array,
  littleEndian: boolean,
): Promise<void> {
  const size = bytesPerElement[view.floats];
  if (into.length === 0) return;
  if (isContiguous(view)) {
    const from = (view.offset + first) * size;
    const end = from + into.length * size;
    for (let at = from; at < end; at += bytesPerRead) {
      const bytes = await view.storage.read(at, Math.min(end, at + bytesPerRead));
      decode(bytes, view.floats, into, (at - from) / size, littleEndian);
    }
    return;
  }
  const places = placesOf(view, first, into.length);
  const [lowest, highest] = endsOf(places);
  const bytes = await view.storage.read(lowest * size, (highest + 1) * size);
  const span = view.floats === 'F64' ? new Float64Array(highest + 1 - lowest) : new Float32Array(highest + 1 - lowest);
  decode(bytes, view.floats, span, 0, littleEndian);
  for (let i = 0; i < into.length; i++) into[i] = span[places[i]! - lowest]!;
}

/** Fills `into` with the bits of all elements of 16 bits, in row-major order. */
async function fillBits(view: View, into: Uint16Array, littleEndian: boolean): Promise<void> {
  if (into.length === 0) return;
  if (isContiguous(view)) {
    const [from, end] = [2 * view.offset, 2 * (view.offset + into.length)];
    for (let at = from; at < end; at += bytesPerRead) {
      const bytes = await view.storage.read(at, Math.min(end, at + bytesPerRead));
      into.set(words(bytes, littleEndian), (at - from) / 2);
    }
    return;
  }
  const places = placesOf(view, 0, into.length);
  const [lowest, highest] = endsOf(places);
  const span = words(await view.storage.read(2 * lowest, 2 * (highest + 1)), littleEndian);
  for (let i = 0; i < into.length; i++) into[i] = span[places[i]! - lowest]!;
}

/** Bytes as numbers of 16 bits, on a machine of little-endian ones. */
function words(bytes: Uint8Array, littleEndian: boolean): Uint16Array {
  const { buffer, byteOffset, byteLength } = byteOffsetIsEven(bytes) ? bytes : Uint8Array.from(bytes);
  const stored = new Uint16Array(buffer, byteOffset, byteLength / 2);
  return littleEndian ? stored : stored.map((word) => (word >>> 8) | (word << 8));
}

const byteOffsetIsEven = ({ byteOffset }: Uint8Array) => byteOffset % 2 === 0;

/** The lowest and the highest of some places. */
function endsOf(places: Float64Array): readonly [lowest: number, highest: number] {
  let [lowest, highest] = [places[0]!, places[0]!];
  for (const place of places) {
    if (place < lowest) lowest = place;
    if (place > highest) highest = place;
  }
  return [lowest, highest];
}

/** Of each of `count` elements from `first` on in row-major order, where it is in the storage. */
function placesOf({ offset, shape, strides }: View, first: number, count: number): Float64Array {
  const places = new Float64Array(count);
  const index = shape.map(() => 0);
  let rest = first;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  let place = index.reduce((sum, at, axis) => sum + at * strides[axis]!, offset);
  for (let i = 0; i < count; i++) {
    places[i] = place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      place += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      place -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return places;
}
