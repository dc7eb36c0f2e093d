/**
 * What a checkpoint of PyTorch's may hold: tensors, their storages, and plain containers. Names and arguments: torch/_utils.py and
 * torch/serialization.py.
 */
import type { DType } from '../elements.ts';
import { elementCount } from '../tensor.ts';
import type { PickleHost } from './unpickle.ts';
import { isKind, itemsOf, type PickledStorage, type PickledTensor, type PickledValue, tuple } from './values.ts';

/** Classes of storages, and the types of their numbers; undefined: bytes of any type. */
const storageTypes: ReadonlyMap<string, DType | undefined> = new Map([
  ['torch.DoubleStorage', 'F64'],
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.ComplexDoubleStorage', 'C128'],
  ['torch.ComplexFloatStorage', 'C64'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
  ['torch.storage.UntypedStorage', undefined],
  ['torch.UntypedStorage', undefined],
]);

const dtypes: ReadonlyMap<string, DType> = new Map([
  ['torch.float64', 'F64'],
  ['torch.float32', 'F32'],
  ['torch.float16', 'F16'],
  ['torch.bfloat16', 'BF16'],
  ['torch.float8_e4m3fn', 'F8_E4M3'],
  ['torch.float8_e5m2', 'F8_E5M2'],
  ['torch.complex128', 'C128'],
  ['torch.complex64', 'C64'],
  ['torch.int64', 'I64'],
  ['torch.int32', 'I32'],
  ['torch.int16', 'I16'],
  ['torch.int8', 'I8'],
  ['torch.uint64', 'U64'],
  ['torch.uint32', 'U32'],
  ['torch.uint16', 'U16'],
  ['torch.uint8', 'U8'],
  ['torch.bool', 'BOOL'],
]);

type Arguments = readonly PickledValue[];

/** What the functions and classes that are known give. What copies a list costs what it copies (`unpickle.ts`). */
const calls: ReadonlyMap<string, (args: Arguments) => PickledValue | undefined> = new Map(
  Object.entries({
    'collections.OrderedDict': ordered,
    'collections.defaultdict': () => new Map(),
    'torch.Size': ([sizes]: Arguments) => shared(sizes),
    'torch.device': ([type]: Arguments) => (typeof type === 'string' ? type : undefined),
    'torch._utils._rebuild_tensor': tensorOf,
    'torch._utils._rebuild_tensor_v2': tensorOf,
    'torch._utils._rebuild_tensor_v3': typedTensorOf,
    'torch._utils._rebuild_parameter': ([data]: Arguments) => (isKind(data, 'tensor') ? data : undefined),
    '_codecs.encode': encoded,
    ...builtins({
      set: ([items = []]) => made(items, (all) => new Set(all)),
      frozenset: ([items = []]) => made(items, (all) => new Set(all)),
      list: ([items]) => (items === undefined ? [] : Array.isArray(items) ? items : undefined),
      tuple: ([items]) => shared(items),
      dict: ordered,
      complex: (args) => tuple(args),
    }),
  }),
);

/** Under the names of Python 3 and of Python 2. */
function builtins(known: Record<string, (args: Arguments) => PickledValue | undefined>) {
  return Object.fromEntries(
    Object.entries(known).flatMap(([name, call]) => [
      [`builtins.${name}`, call],
      [`__builtin__.${name}`, call],
    ]),
  );
}

/** Named and never called: what a defaultdict makes, and what neuraloperator notes of a model that it saves. */
const namesOnly: ReadonlySet<string> = new Set([
  ...['int', 'float', 'str', 'bool', 'long', 'unicode'].flatMap((name) => [`builtins.${name}`, `__builtin__.${name}`]),
  'torch._C._nn.gelu',
  'torch.nn.functional.relu',
  'neuralop.layers.spectral_convolution.SpectralConv',
]);

const shared = (items: PickledValue | undefined) => {
  const all = items === undefined ? [] : itemsOf(items);
  return all && tuple(all);
};

const made = (items: PickledValue | undefined, make: (all: Arguments) => PickledValue) => {
  const all = itemsOf(items);
  return all && make(all);
};

/** A dictionary, empty or of pairs. */
function ordered([pairs]: Arguments): PickledValue | undefined {
  const made = new Map<PickledValue, PickledValue>();
  for (const pair of pairs === undefined ? [] : (itemsOf(pairs) ?? [null])) {
    const [key, value, ...rest] = itemsOf(pair) ?? [];
    if (key === undefined || value === undefined || rest.length > 0) return undefined;
    made.set(key, value);
  }
  return made;
}

/** Bytes, which protocol 2 writes as a text. */
function encoded([text, encoding]: Arguments): PickledValue | undefined {
  return typeof text === 'string' && encoding === 'latin1' ? Buffer.from(text, 'latin1') : undefined;
}

/** More axes than any tensor of weights has. */
const maxAxes = 16;

function sizes(value: PickledValue | undefined): readonly number[] | undefined {
  const items = itemsOf(value);
  const areSizes =
    items && items.length <= maxAxes && items.every((size) => Number.isSafeInteger(size) && Number(size) >= 0);
  return areSizes ? (items as number[]) : undefined;
}

/** Of arguments: storage, offset, sizes, strides, whether it needs a gradient, hooks, and metadata of views. */
function tensorOf(args: Arguments): PickledTensor | undefined {
  const { dtype } = isKind(args[0], 'storage') ? args[0] : {};
  return dtype && viewOf(args, dtype, args[6]);
}

/** Of a type that has no class of storages: the arguments are those of others, then the type. */
function typedTensorOf(args: Arguments): PickledTensor | undefined {
  const type = args[6];
  const dtype = isKind(type, 'global') ? dtypes.get(type.name) : undefined;
  return dtype && viewOf(args, dtype, args[7]);
}

/** Undefined where it reaches beyond its storage, or is a view that has to be computed, such as a conjugate. */
function viewOf(args: Arguments, dtype: DType, metadata: PickledValue | undefined): PickledTensor | undefined {
  const [storage, first, size, stride] = args;
  const [shape, strides] = [sizes(size), sizes(stride)];
  if (!isKind(storage, 'storage') || !Number.isSafeInteger(first) || (first as number) < 0) return undefined;
  if (!shape || !strides || shape.length !== strides.length) return undefined;
  if (metadata instanceof Map && metadata.size > 0) return undefined;
  const offset = storage.first + (first as number);
  if (!Number.isSafeInteger(elementCount(shape)) || !Number.isSafeInteger(offset)) return undefined;
  return { kind: 'tensor', storage, dtype, offset, shape, strides };
}

/** How a file's storages are known to its pickle. @returns undefined for what is no storage */
export type StorageOf = (id: {
  readonly key: string;
  readonly dtype: DType | undefined;
  readonly count: number;
  readonly view: PickledValue | undefined;
}) => PickledStorage | undefined;

/** A host that knows tensors and containers alone. */
export function torchHost(label: string, origin: number, storageOf: StorageOf): PickleHost {
  return {
    label,
    origin,
    isKnown: (name) => calls.has(name) || storageTypes.has(name) || dtypes.has(name) || namesOnly.has(name),
    call: (name, args) => calls.get(name)?.(args),
    load(id) {
      const [what, type, key, , count, view] = itemsOf(id) ?? [];
      if (what !== 'storage' || !isKind(type, 'global') || !storageTypes.has(type.name)) return undefined;
      if (typeof key !== 'string' || !Number.isSafeInteger(count) || (count as number) < 0) return undefined;
      return storageOf({ key, dtype: storageTypes.get(type.name), count: count as number, view });
    },
  };
}
