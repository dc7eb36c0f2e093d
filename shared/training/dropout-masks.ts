import { createCipheriv, createHash } from 'node:crypto';
import { endianness } from 'node:os';
import type { DropoutSite } from '../models/dropout.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';

/** Values of the 16 random bits that a mask value takes: rates are exact to 1/65,536. */
const levels = 2 ** 16;

/** Random numbers of 16 bits: the key stream of AES in counter mode, which processors compute at memory speed. */
function randomLevels(count: number, stream: readonly (string | number)[]): Uint16Array {
  const key = createHash('sha256').update(JSON.stringify(stream)).digest();
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  const bytes = cipher.update(new Uint8Array(2 * count));
  if (endianness() === 'BE') bytes.swap16();
  return new Uint16Array(bytes.buffer, bytes.byteOffset, count);
}

function maskOf({ name, shape, rate }: DropoutSite, stream: readonly number[]): HostTensor {
  const data = new Float32Array(elementCount(shape));
  const drawn = randomLevels(data.length, [...stream, 'dropout', name]);
  const dropped = Math.round(rate * levels);
  const scale = 1 / (1 - rate);
  // The sign bit of the difference is 1 for what is kept: no branch for the processor to mispredict.
  for (let at = 0; at < data.length; at++) data[at] = ((dropped - 1 - drawn[at]!) >>> 31) * scale;
  return { shape, data };
}

/**
 * A mask for each site of a model, by the site's name, for one training step: each value by itself 0 with the site's rate, else
 * 1 / (1 - rate). Depends on nothing but the sites and `stream`: seed, epoch, step.
 */
export function dropoutMasks(sites: readonly DropoutSite[], ...stream: readonly number[]): HostTensors {
  return new Map(sites.map((site) => [site.name, maskOf(site, stream)]));
}
