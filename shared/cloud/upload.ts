import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Upload } from '@aws-sdk/lib-storage';
import { sha256 } from '../checkpoints/artifact-store.ts';
import { UserError } from '../core/errors.ts';
import { fingerprintFile } from '../datasets/fingerprint.ts';
import { modelFilesIn } from '../models/hugging-face/model-files.ts';
import { headObject } from './head-object.ts';
import { startedByUploader } from './launch.ts';
import type { Cloud } from './open-cloud.ts';
import { datasetFolder, profileKey } from './profile.ts';

type Bucket = Pick<Cloud, 's3' | 'bucket' | 'store'>;

export interface Uploaded {
  readonly key: string;
  /** `s3://bucket/key`, of this version where the bucket keeps versions. */
  readonly address: string;
  /** False where the same content was there. */
  readonly sent: boolean;
}

/** Of an object that is sent in parts S3 would otherwise keep only a checksum of its parts' checksums, which no reader can compare. */
const wholeChecksum = { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' } as const;

/** The name of the metadata by which an object's content is recognised. */
const digestName = 'tempbalance-sha256';

/** The address of an object, with its version where the bucket keeps versions. */
export const addressOf = (bucket: string, key: string, version: string | undefined): string =>
  `s3://${bucket}/${key}${version === undefined || version === 'null' ? '' : `?versionId=${version}`}`;

/**
 * Sends a file in parts, unless the object has the same size and digest.
 * @throws UserError when it is a folder.
 */
async function uploadFile(
  { s3, bucket }: Bucket,
  path: string,
  key: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uploaded> {
  if ((await stat(path)).isDirectory()) {
    throw new UserError('a deployed run takes one file of data, and this is a folder', {
      where: path,
      remedy:
        'Write what it holds into one file, e.g. HDF5, .npz or Parquet, or train on this machine (npx tempbalance train).',
    });
  }
  const { bytes, sha256: digest } = await fingerprintFile(path);
  const there = await headOf({ s3, bucket }, key);
  if (there?.ContentLength === bytes && there.Metadata?.[digestName] === digest) {
    return { key, address: addressOf(bucket, key, there.VersionId), sent: false };
  }
  const upload = new Upload({
    client: s3,
    params: {
      Bucket: bucket,
      Key: key,
      Body: createReadStream(path),
      Metadata: { ...metadata, [digestName]: digest },
      ...wholeChecksum,
    },
  });
  const { VersionId } = await upload.done();
  return { key, address: addressOf(bucket, key, VersionId), sent: true };
}

const headOf = ({ s3, bucket }: Pick<Cloud, 's3' | 'bucket'>, key: string) => headObject(s3, { bucket, key });

/** Sends a data set to `datasets/<profile>/`; its arrival starts no run, since who sends it starts one. */
export const uploadDataset = (cloud: Bucket, path: string, profile: string): Promise<Uploaded> =>
  uploadFile(cloud, path, `${datasetFolder(profile)}${basename(path)}`, startedByUploader);

/**
 * Sends weights, or the folder of a model, to `weights/`, named by their content: other weights never replace those that a run
 * began with.
 */
export async function uploadWeights(cloud: Bucket, path: string): Promise<Uploaded> {
  if ((await stat(path)).isDirectory()) return uploadFolder(cloud, path);
  return uploadByContent(cloud, path, 'weights');
}

/** Sends a file of data whose arrival starts no run to `validation/`, named by its content like weights: to validate or to test on, and all data of a comparison. */
export const uploadValidation = (cloud: Bucket, path: string): Promise<Uploaded> =>
  uploadByContent(cloud, path, 'validation');

async function uploadByContent(cloud: Bucket, path: string, folder: string): Promise<Uploaded> {
  const { sha256: digest } = await fingerprintFile(path);
  return uploadFile(cloud, path, `${folder}/${digest.slice(0, 16)}-${basename(path)}`);
}

async function uploadFolder(cloud: Bucket, folder: string): Promise<Uploaded> {
  const names = modelFilesIn(await readdir(folder, { recursive: true })).toSorted();
  const digests = await Promise.all(names.map(async (name) => (await fingerprintFile(join(folder, name))).sha256));
  const digest = sha256(new TextEncoder().encode(JSON.stringify([names, digests])));
  const key = `weights/${digest.slice(0, 16)}-${basename(folder)}/`;
  const sent: Uploaded[] = [];
  for (const name of names) sent.push(await uploadFile(cloud, join(folder, name), key + name));
  return { key, address: `s3://${cloud.bucket}/${key}`, sent: sent.some((file) => file.sent) };
}

/** Writes a profile, unless it is there as it is. */
export async function uploadProfile({ bucket, store }: Bucket, text: string, profile: string): Promise<Uploaded> {
  const key = profileKey(profile);
  const bytes = new TextEncoder().encode(text);
  const there = await store.get(key);
  const sent = !there || sha256(there.bytes) !== sha256(bytes);
  if (sent) await store.put(key, bytes);
  return { key, address: `s3://${bucket}/${key}`, sent };
}
