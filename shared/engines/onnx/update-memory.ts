/** Where the tensors of updates lie: kernels compute in memories of their own, which ONNX Runtime reads and writes as well. */
import type { Tensor } from 'onnxruntime-node';
import { collectGarbage } from '../../core/collect-garbage.ts';
import { placesOfUpdate, type Update } from './fused-updates.ts';
import { replacedBy, roles } from './roles.ts';
import { type WrittenRows, writeRows } from './row-sums.ts';
import { type KernelMemory, kernelMemory, vectorBytes } from './update-kernel.ts';
import type { KernelCall } from './update-pieces.ts';

/** Tensors of several updates share a memory up to this size: as they are moved there, little is there twice. */
const memoryBytes = 2 ** 27;

/** As much may be there twice for a moment: collecting garbage after every memory would take longer than moving it. */
const twiceBytes = 2 ** 28;

const lineBytes = 64;
const numberBytes = Float32Array.BYTES_PER_ELEMENT;
const upTo = (multiple: number, size: number) => Math.ceil(size / multiple) * multiple;

/** A memory, which a loop's tensors stay in when they are given away: a loop that takes them again finds their places. */
export interface UpdateMemory {
  readonly memory: KernelMemory;
  /** The address of each place in bytes, by its key. */
  readonly ranges: Map<string, { readonly address: number; readonly elements: number }>;
}

const known = new WeakMap<SharedArrayBuffer, UpdateMemory>();

/** Takes note of memories that came from another thread. */
export function remember(memories: readonly UpdateMemory[]): void {
  for (const each of memories) known.set(each.memory.buffer, each);
}

const memoryOf = ({ buffer }: ArrayBufferView): UpdateMemory | undefined => known.get(buffer as SharedArrayBuffer);

/** Whether it lies in a memory of updates. */
export const isPlaced = (data: ArrayBufferView) => memoryOf(data) !== undefined;

/** The memories that tensors lie in, to be sent with them. */
export const memoriesOf = (tensors: ReadonlyMap<string, { readonly data: ArrayBufferView }>): UpdateMemory[] => [
  ...new Set([...tensors.values()].flatMap(({ data }) => memoryOf(data) ?? [])),
];

/** A tensor's place. */
interface Place extends WrittenRows {
  readonly home: UpdateMemory;
  readonly address: number;
  readonly data: Float32Array;
}

/** By the name of a carried tensor; by that of an update's first result and a number what else it takes. */
export type Places = Map<string, Place>;

/** An update in a loop's memory. */
export interface PlacedUpdate {
  /** The places of carried tensors and others, by name. */
  readonly places: ReadonlyMap<string, Place>;
  readonly call: KernelCall;
  /** Copies what the call takes of what the step was given and has given, by name; gives its scalars. Nothing else of that is needed any more. */
  readonly prepare: (tensors: Readonly<Record<string, Tensor>>) => readonly number[];
}

/** The key of a place: carried tensors have the same for all steps of a loop, and what steps compute for one result too. */
function keysOf(update: Update, carried: Readonly<Record<string, Tensor>>): [name: string, key: string][] {
  let others = 0;
  return placesOfUpdate(update, replacedBy).map((name) => {
    if (name in carried) return [name, name];
    others += 1;
    return [name, `${update.results[0]} ${others}`];
  });
}

const paddedBytes = ({ elements }: Update) => upTo(lineBytes, numberBytes * elements);

type TensorOf = new (type: 'float32', data: Float32Array, dims: readonly number[]) => Tensor;

const withData = (tensor: Tensor, data: Float32Array): Tensor =>
  new (tensor.constructor as unknown as TensorOf)('float32', data, tensor.dims);

/** Takes memory for what updates read and write, and moves carried tensors there. */
function placeTensors(updates: readonly Update[], carried: Record<string, Tensor>, places: Places): void {
  const bins: { bytes: number; updates: Update[] }[] = [];
  for (const update of updates) {
    const bytes = keysOf(update, carried).length * paddedBytes(update);
    const last = bins.at(-1);
    if (last && last.bytes + bytes <= memoryBytes) {
      last.bytes += bytes;
      last.updates.push(update);
    } else bins.push({ bytes, updates: [update] });
  }
  let moved = 0;
  for (const bin of bins) {
    const home: UpdateMemory = { memory: kernelMemory(bin.bytes), ranges: new Map() };
    remember([home]);
    let address = 0;
    for (const update of bin.updates) {
      for (const [name, key] of keysOf(update, carried)) {
        const data = new Float32Array(home.memory.buffer, address, update.elements);
        const tensor = carried[name];
        if (tensor) {
          data.set(tensor.data as Float32Array);
          moved += data.byteLength;
          carried[name] = withData(tensor, data);
        }
        places.get(key)?.home.ranges.delete(key);
        places.set(key, { home, address, data });
        home.ranges.set(key, { address, elements: update.elements });
        address += paddedBytes(update);
      }
    }
    moved = collectedFrom(moved, twiceBytes);
  }
  collectedFrom(moved, 0);
}

/** Frees what was moved, so that each is there once again, where it is as much as `least`; gives what is still to be freed. */
function collectedFrom(moved: number, least: number): number {
  if (moved < least) return moved;
  collectGarbage(moved);
  return 0;
}

/** The places that tensors were given with: where a loop before left them, and what it computed with beside them. */
export function placesGivenWith(carried: Readonly<Record<string, Tensor>>): Places {
  const floats = new Map(Object.entries(carried).map(([name, { data }]) => [name, { data: data as Float32Array }]));
  const places: Places = new Map();
  for (const home of memoriesOf(floats)) {
    for (const [key, { address, elements }] of home.ranges) {
      const data = floats.get(key)?.data ?? new Float32Array(home.memory.buffer, address, elements);
      if (memoryOf(data) === home && data.byteOffset === address) places.set(key, { home, address, data });
    }
  }
  return places;
}

/** Whether all of an update has its place, in one memory. */
function isReady(update: Update, carried: Readonly<Record<string, Tensor>>, places: Places): boolean {
  const found = keysOf(update, carried).map(([name, key]) => {
    const place = places.get(key);
    return place && (!carried[name] || carried[name].data === place.data) ? place.home : undefined;
  });
  return found.every((home) => home !== undefined && home === found[0]);
}

/** The updates of a step in the memory of a loop, which is taken for those that have none yet; `moved` are then what is carried, and all places may be others. */
export function placedUpdates(
  updates: readonly Update[],
  carried: Record<string, Tensor>,
  places: Places,
): { placed: PlacedUpdate[]; moved: boolean } {
  const missing = updates.filter((update) => !isReady(update, carried, places));
  placeTensors(missing, carried, places);
  const placed = updates.map((update): PlacedUpdate => {
    const own = new Map(keysOf(update, carried).map(([name, key]) => [name, places.get(key)!]));
    const addressOf = (name: string) => own.get(name)!.address;
    const call = {
      program: update.program,
      memory: own.values().next().value!.home.memory,
      bytes: upTo(vectorBytes, numberBytes * update.elements),
      addresses: [...update.tensors.map(addressOf), ...update.results.map((name) => addressOf(replacedBy(name)!))],
    };
    const given = update.tensors.filter((name) => name.startsWith(roles.inputs));
    const { rowSums = [] } = update;
    const written = new Set(rowSums.map(({ name }) => name));
    const whole = [...own].flatMap(([name, place]) => (written.has(name) ? [] : [place]));
    return {
      places: own,
      call,
      prepare(tensors) {
        for (const name of given) own.get(name)!.data.set(tensors[name]!.data as Float32Array);
        for (const place of whole) place.written = undefined;
        for (const { name, size, rows, numbers } of rowSums) {
          const [sums, at] = [tensors[rows]!.data as Float32Array, tensors[numbers]!.data as Int32Array];
          const place = own.get(name)!;
          writeRows(place.data, size, sums, at, place);
        }
        return update.scalars.map((name) => (tensors[name]!.data as Float32Array)[0]!);
      },
    };
  });
  return { placed, moved: missing.length > 0 };
}
