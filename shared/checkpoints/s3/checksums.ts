import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';

/** The checksum of a whole object that S3 keeps. */
export interface ObjectChecksum {
  readonly algorithm: Algorithm;
  readonly base64: string;
}

/** A checksum in the making. */
interface Digest {
  update(bytes: Uint8Array): unknown;
  base64(): Promise<string>;
}

const crc32Base64 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
};

/** S3's checksum of the project's own objects: the CRC-32, big-endian, in base64. */
export const crc32Of = (bytes: Uint8Array): string => crc32Base64(crc32(bytes));

function crc32Digest(): Digest {
  let value = 0;
  return {
    update(bytes) {
      value = crc32(bytes, value);
    },
    base64: async () => crc32Base64(value),
  };
}

function hashDigest(algorithm: string): Digest {
  const hash = createHash(algorithm);
  return { update: (bytes) => hash.update(bytes), base64: async () => hash.digest('base64') };
}

function sdkDigest(checksum: Crc32c | Crc64Nvme): Digest {
  return {
    update: (bytes) => checksum.update(bytes),
    base64: async () => Buffer.from(await checksum.digest()).toString('base64'),
  };
}

/** Objects that others uploaded have what their tool chose, CRC64NVME by default. */
const digests = {
  ChecksumSHA256: () => hashDigest('sha256'),
  ChecksumCRC64NVME: () => sdkDigest(new Crc64Nvme()),
  ChecksumCRC32: crc32Digest,
  ChecksumCRC32C: () => sdkDigest(new Crc32c()),
  ChecksumSHA1: () => hashDigest('sha1'),
} satisfies Record<string, () => Digest>;
type Algorithm = keyof typeof digests;

/** The checksum in an answer of S3's; undefined when there is none, or only one of the checksums of its parts. */
export function objectChecksum(
  answer: Partial<Record<Algorithm | 'ChecksumType', string>>,
): ObjectChecksum | undefined {
  if (answer.ChecksumType === 'COMPOSITE') return undefined;
  for (const algorithm of Object.keys(digests) as Algorithm[]) {
    const base64 = answer[algorithm];
    if (base64 !== undefined && !base64.includes('-')) return { algorithm, base64 };
  }
  return undefined;
}

/** Whether bytes have the checksum; true where there is none. */
export async function hasChecksum(
  bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  checksum: ObjectChecksum | undefined,
): Promise<boolean> {
  if (!checksum) return true;
  const digest = digests[checksum.algorithm]();
  for await (const chunk of bytes) digest.update(chunk);
  return (await digest.base64()) === checksum.base64;
}
