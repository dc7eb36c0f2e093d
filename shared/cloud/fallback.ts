/** A second deployment, in another region, that takes over a run for which this one has no machines. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { SFNClient } from '@aws-sdk/client-sfn';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { UserError } from '../core/errors.ts';
import { onePath } from '../datasets/data-path.ts';
import { ofOtherFiles, otherFilesOf } from '../datasets/registry.ts';
import { weightsOf } from '../models/registry.ts';
import { digestOf } from '../pipeline/execution-name.ts';
import { moveRun } from '../pipeline/move-run.ts';
import { readRequest, runRecordSchema } from '../pipeline/records.ts';
import { copyObject } from './copy-object.ts';
import { isFolderAddress, parseFolder } from './download-input.ts';
import { headObject } from './head-object.ts';
import { startExecution, startedByUploader } from './launch.ts';
import { addressOf } from './upload.ts';

/** A deployment, with clients for its region. */
export interface Place {
  readonly region: string;
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  readonly bucket: string;
  readonly stateMachine: string;
}

/** The run, and the store that it is in. */
interface Here {
  readonly s3: S3Client;
  readonly store: ArtifactStore;
  readonly run: string;
  /** The execution that had no machine: it hands the run over once, however often it tries. */
  readonly execution: string;
}

/** How a run's history begins that says it came from another bucket. */
const movedFromBucket = 'moved from s3://';

/**
 * Copies a run with its data and weights to another deployment, without the bytes coming here, and starts it there. It goes on from its last commit.
 * @returns what became of it, in words.
 * @throws UserError when it has come from another region itself, is part of a comparison, or there is another run of its name.
 */
export async function handOver(here: Here, there: Place, now: Date): Promise<string> {
  const { store, run } = here;
  if (!run.startsWith('runs/')) {
    throw new UserError('a run of a comparison stays where the comparison is', { where: run });
  }
  const record = await readJson(store, runKeys.record(run), runRecordSchema);
  if (record?.history.some(({ what }) => what.startsWith(movedFromBucket))) {
    throw new UserError('has been handed over once already, and neither region has machines', { where: run });
  }
  const { config } = await readRequest(store, run);
  const copy = copier(here.s3, there);
  const weights = weightsOf(config.model);
  const addresses = {
    dataset: await copy(onePath(config.dataset.path, 'a deployed run')),
    others: await ofOtherFiles(otherFilesOf(config.dataset), copy),
    weights: weights === undefined ? undefined : await copy(weights),
    folder: 'runs',
  };
  const from = { store, run };
  const to = { store: s3Store({ client: there.s3, bucket: there.bucket }), run };
  const ownBucket = parseS3Uri(`${store.label}/${run}`).bucket;
  const copyFile = async (file: string) => {
    await copyTo(here.s3, there, { bucket: ownBucket, key: `${run}/${file}` });
  };
  await moveRun(from, to, addresses, now, copyFile);
  const name = `${run.split('/').at(-1)!.slice(0, 60)}-from-${digestOf(here.execution)}`;
  await startExecution(there, run, name);
  return `no machine was to be had: the run goes on in ${there.region} (s3://${there.bucket}/${run}/)`;
}

/** Copies an input to the same key there, and gives its address, of the version that it has there. */
const copier =
  (s3: S3Client, there: Place) =>
  async (address: string): Promise<string> => {
    if (!isFolderAddress(address)) {
      const location = parseS3Uri(address);
      return addressOf(there.bucket, location.key, await copyTo(s3, there, location));
    }
    const { bucket, prefix } = parseFolder(address);
    for (const key of await s3Store({ client: s3, bucket }).list(prefix)) await copyTo(s3, there, { bucket, key });
    return `s3://${there.bucket}/${prefix}`;
  };

/** Copies an object; the arrival of a data set starts no run there, as this one is started. */
async function copyTo(
  s3: S3Client,
  there: Place,
  location: { readonly bucket: string; readonly key: string; readonly versionId?: string },
): Promise<string | undefined> {
  const head = await headObject(s3, location);
  if (!head) {
    throw new UserError('is not there any more', { where: `s3://${location.bucket}/${location.key}` });
  }
  return copyObject(there.s3, location, {
    target: location.key,
    targetBucket: there.bucket,
    size: head.ContentLength ?? 0,
    metadata: { ...head.Metadata, ...(location.key.startsWith('datasets/') ? startedByUploader : {}) },
  });
}
