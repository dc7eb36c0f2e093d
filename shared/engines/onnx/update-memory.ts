/** Where the tensors of updates lie: kernels compute in memories of their own, which ONNX Runtime reads and writes as well. */
import type { Tensor } from 'onnxruntime-node';
import { collectGarbage } from '../../core/collect-garbage.ts';
import { placesOfUpdate, type Update } from './fused-updates.ts';
import { replacedBy, roles } from './roles.ts';
import { type WrittenRows, writeRows } from './row-sums.ts';
import { type KernelMemory, kernelMemory, kernelOf, vectorBytes } from './update-kernel.ts';

/** Tensors of several updates share a memory up to this size. When a loop ends they are copied out of one memory after the other, so that little is there twice. */
const memoryBytes = 2 ** 27;

/** As much may be there twice for a moment: collecting garbage after every memory would take longer than moving it. */
const twiceBytes = 2 ** 28;

/**
 * Where all updates of a step take less than this, their memory is kept for the next loop, and what its tensors were moved from is kept to copy them back
 * there: memory that is taken anew is slow to touch, and is not freed before much of it has been dropped.
 */
const keptBytes = 2 ** 27;

let idle: KernelMemory | undefined;

/** A memory of so many bytes, the idle one where it is about as large. */
function memoryFor(bytes: number): KernelMemory {
  const size = idle?.buffer.byteLength ?? 0;
  if (!idle || size < bytes || size > 4 * bytes) return kernelMemory(bytes);
  const taken = idle;
  idle = undefined;
  return taken;
}

const lineBytes = 64;
const numberBytes = Float32Array.BYTES_PER_ELEMENT;
const upTo = (multiple: number, size: number) => Math.ceil(size / multiple) * multiple;

/** A tensor's place. */
interface Place extends WrittenRows {
  readonly memory: KernelMemory;
  readonly address: number;
  readonly data: Float32Array;
  /** Of a carried tensor in a small memory: where it was before. */
  readonly origin?: Float32Array | undefined;
}

/** By the name of a carried tensor; by that of an update's first result and a number what else it takes. */
export type Places = Map<string, Place>;

/** An update in a loop's memory. */
export interface PlacedUpdate {
  /** By name, carried tensors and others. */
  readonly places: ReadonlyMap<string, Place>;
  /** Copies what it takes of what the step was given and has given, by name; what is returned computes it, and needs nothing of that any more. */
  readonly prepare: (tensors: Readonly<Record<string, Tensor>>) => () => void;
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
  const areSmall = bins.reduce((sum, { bytes }) => sum + bytes, 0) < keptBytes;
  let moved = 0;
  for (const bin of bins) {
    const memory = memoryFor(bin.bytes);
    let address = 0;
    for (const update of bin.updates) {
      for (const [name, key] of keysOf(update, carried)) {
        const data = new Float32Array(memory.buffer, address, update.elements);
        const tensor = carried[name];
        if (tensor) {
          data.set(tensor.data as Float32Array);
          moved += data.byteLength;
          carried[name] = withData(tensor, data);
        }
        const before = places.get(key);
        const origin = before ? before.origin : (tensor?.data as Float32Array | undefined);
        places.set(key, { memory, address, data, origin: areSmall ? origin : undefined });
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

/** The updates of a step in the memory of a loop, which is taken for those that have none yet; `moved` are then what is carried, and all places may be others. */
export function placedUpdates(
  updates: readonly Update[],
  carried: Record<string, Tensor>,
  places: Places,
): { placed: PlacedUpdate[]; moved: boolean } {
  const isPlaced = (update: Update) => {
    const found = keysOf(update, carried).map(([, key]) => places.get(key));
    return found.every((place) => place !== undefined && place.memory === found[0]!.memory);
  };
  const missing = updates.filter((update) => !isPlaced(update));
  placeTensors(missing, carried, places);
  const placed = updates.map((update): PlacedUpdate => {
    const own = new Map(keysOf(update, carried).map(([name, key]) => [name, places.get(key)!]));
    const addressOf = (name: string) => own.get(name)!.address;
    const kernel = kernelOf(update.program, own.values().next().value!.memory);
    const bytes = upTo(vectorBytes, numberBytes * update.elements);
    const addresses = [...update.tensors.map(addressOf), ...update.results.map((name) => addressOf(replacedBy(name)!))];
    const given = update.tensors.filter((name) => name.startsWith(roles.inputs));
    const { rowSums = [] } = update;
    const written = new Set(rowSums.map(({ name }) => name));
    const whole = [...own].flatMap(([name, place]) => (written.has(name) ? [] : [place]));
    return {
      places: own,
      prepare(tensors) {
        for (const name of given) own.get(name)!.data.set(tensors[name]!.data as Float32Array);
        for (const place of whole) place.written = undefined;
        for (const { name, size, rows, numbers } of rowSums) {
          const [sums, at] = [tensors[rows]!.data as Float32Array, tensors[numbers]!.data as Int32Array];
          const place = own.get(name)!;
          writeRows(place.data, size, sums, at, place);
        }
        const scalars = update.scalars.map((name) => (tensors[name]!.data as Float32Array)[0]!);
        return () => kernel(bytes, ...addresses, ...scalars);
      },
    };
  });
  return { placed, moved: missing.length > 0 };
}

/** Copies what is carried out of one memory, which is forgotten then; gives its bytes. */
function moveOut(carried: Record<string, Tensor>, places: Places): number {
  const { memory } = places.values().next().value!;
  let isSmall = false;
  for (const [key, place] of places) {
    if (place.memory !== memory) continue;
    isSmall ||= place.origin !== undefined;
    if (carried[key]) {
      place.origin?.set(place.data);
      carried[key] = withData(carried[key], place.origin ?? place.data.slice());
    }
    places.delete(key);
  }
  if (isSmall) idle = memory;
  return memory.buffer.byteLength;
}

/** Copies what is carried out of the memories, one after the other. */
export function movedOut(carried: Record<string, Tensor>, places: Places): void {
  let moved = 0;
  while (places.size > 0) moved = collectedFrom(moved + moveOut(carried, places), twiceBytes);
  collectedFrom(moved, 0);
}
