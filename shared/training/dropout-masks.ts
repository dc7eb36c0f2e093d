import { createCipheriv, createHash } from 'node:crypto';
import { endianness } from 'node:os';
import type { DropoutSite } from '../models/dropout.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';

/** Values of the 16 random bits that a mask value takes: rates are exact to 1/65,536. */
const levels = 2 ** 16;

/** Numbers that are drawn at a time: they stay in the processor's cache. */
const drawnAtOnce = 8192;
const zeros = new Uint8Array(2 * drawnAtOnce);

/** Random numbers of 16 bits, two in each word: the key stream of AES in counter mode, which processors compute at memory speed. Each call has as many as are drawn at a time. */
function randomPairs(stream: readonly (string | number)[]): () => Int32Array {
  const key = createHash('sha256').update(JSON.stringify(stream)).digest();
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  return () => {
    const bytes = cipher.update(zeros);
    if (endianness() === 'BE') bytes.swap32();
    return new Int32Array(bytes.buffer, bytes.byteOffset, drawnAtOnce / 2);
  };
}

/** Memory of masks that are done with, for the next ones: memory that is taken anew takes longer to touch than to fill. */
export interface MaskMemory {
  /** So many numbers, whatever is in them; in memory that threads share, so that it stays when others read it. */
  take(count: number): Float32Array;
  giveBack(masks: HostTensors): void;
}

export function maskMemory(): MaskMemory {
  const free = new Map<number, Float32Array[]>();
  const ofSize = (count: number) => {
    const found = free.get(count) ?? [];
    free.set(count, found);
    return found;
  };
  return {
    take: (count) =>
      ofSize(count).pop() ?? new Float32Array(new SharedArrayBuffer(count * Float32Array.BYTES_PER_ELEMENT)),
    giveBack(masks) {
      for (const { data } of masks.values()) ofSize(data.length).push(data);
    },
  };
}

/** Sets each number to `kept` where what was drawn is larger than `last`, to 0 elsewhere. */
function keepSome(bits: Int32Array, pairs: Int32Array, last: number, kept: number): void {
  // What is written behind the end of an odd number is dropped.
  for (let at = 0, pair = 0; at < bits.length; at += 2, pair++) {
    const drawn = pairs[pair]!;
    // The difference is below 0 for what is kept, and has only ones when it is shifted then: no branch for the processor to mispredict.
    bits[at] = ((last - (drawn & 0xffff)) >> 31) & kept;
    bits[at + 1] = ((last - (drawn >>> 16)) >> 31) & kept;
  }
}

function maskOf({ name, shape, rate }: DropoutSite, stream: readonly number[], memory: MaskMemory): HostTensor {
  const data = memory.take(elementCount(shape));
  const draw = randomPairs([...stream, 'dropout', name]);
  const last = Math.round(rate * levels) - 1;
  const kept = new Int32Array(Float32Array.of(1 / (1 - rate)).buffer)[0]!;
  const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
  for (let from = 0; from < bits.length; from += drawnAtOnce) {
    keepSome(bits.subarray(from, from + drawnAtOnce), draw(), last, kept);
  }
  return { shape, data };
}

/**
 * A mask for each site of a model, by the site's name, for one training step: each value by itself 0 with the site's rate, else
 * 1 / (1 - rate). Depends on nothing but the sites and `stream`: seed, epoch, step.
 * @param memory where they are drawn
 */
export function dropoutMasks(
  sites: readonly DropoutSite[],
  stream: readonly number[],
  memory: MaskMemory = maskMemory(),
): HostTensors {
  return new Map(sites.map((site) => [site.name, maskOf(site, stream, memory)]));
}
