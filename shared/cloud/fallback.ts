/** A second deployment, in another region, that takes over a run for which this one has no machines. */
import type { S3Client } from '@aws-sdk/client-s3';
import type { SFNClient } from '@aws-sdk/client-sfn';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { comparisonOfRun } from '../checkpoints/comparison-keys.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri, type S3Location } from '../checkpoints/s3-uri.ts';
import { UserError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import { onePath } from '../datasets/data-path.ts';
import { ofOtherFiles, otherFilesOf } from '../datasets/registry.ts';
import { weightsOf } from '../models/registry.ts';
import { readComparison } from '../pipeline/comparison/records.ts';
import type { LeavingRun } from '../pipeline/context.ts';
import { nameAfterHandover } from '../pipeline/execution-name.ts';
import { moveRun } from '../pipeline/move-run.ts';
import { readRequest } from '../pipeline/records.ts';
import { copyObject, largestPart } from './copy-object.ts';
import { isFolderAddress, parseFolder } from './download-input.ts';
import { headObject } from './head-object.ts';
import { startExecution, startedByUploader } from './launch.ts';
import { nameOf } from './runs.ts';
import { addressOf } from './upload.ts';

/** A deployment, with clients for its region. */
export interface Place {
  readonly region: string;
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  readonly bucket: string;
  readonly stateMachine: string;
}

/** A run that has no machine, and the store that it is in. */
interface Here extends LeavingRun {
  readonly s3: S3Client;
  readonly store: ArtifactStore;
  /** Larger objects are copied in parts. Absent: what S3 copies in good time. */
  readonly partBytes?: number;
}

/**
 * Copies a run with its data and weights to another deployment, without the bytes coming here, and starts it there. It goes on from its last commit.
 * @returns where it goes on, in words.
 * @throws UserError when it has come from another region itself, is part of a comparison, or there is another run of its name.
 */
export async function handOver(here: Here, there: Place, now: Date): Promise<string> {
  const { store, run } = here;
  const comparison = comparisonOfRun(run);
  if (comparison !== undefined) throw await stayingWith(store, comparison, there);
  const { config, handedOver } = await readRequest(store, run);
  if (handedOver) {
    throw new UserError(`has been handed over once already, from ${handedOver.from}`, { where: run });
  }
  const copy = copier(here, there);
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
    await copyTo(here, there, { bucket: ownBucket, key: `${run}/${file}` });
  };
  const left = { from: `${store.label}/${run}`, at: now.toISOString(), seconds: here.seconds };
  await moveRun(from, to, addresses, now, { copyFile, handedOver: left });
  const name = run.split('/').at(-1)!;
  await startExecution(there, run, nameAfterHandover(name, here.execution));
  const watched = `npx tempbalance cloud watch ${name} --region ${there.region}`;
  return `the run goes on in ${there.region} (s3://${there.bucket}/${run}/): ${watched}`;
}

/** What is said of a run that stays with its comparison, whose results would not be there: how all of it is done elsewhere. */
async function stayingWith(store: ArtifactStore, comparison: string, { region }: Place): Promise<UserError> {
  const { settings } = await readComparison(store, comparison);
  const { source, overrides } = settings;
  const words = [source, ...overrides.flatMap((override) => ['--set', override]), '--name', nameOf(comparison)];
  const command = `npx tempbalance cloud compare ${words.map(shellWord).join(' ')} --region ${region}`;
  return new UserError('the run is part of a comparison, which stays as a whole where it is', {
    remedy: `Where ${region} has machines, do all of it there: ${command}`,
  });
}

/** Copies an input to the same key there, and gives its address, of the version that it has there. */
const copier =
  (here: Here, there: Place) =>
  async (address: string): Promise<string> => {
    if (!isFolderAddress(address)) {
      const location = parseS3Uri(address);
      return addressOf(there.bucket, location.key, await copyTo(here, there, location));
    }
    const { bucket, prefix } = parseFolder(address);
    for (const key of await s3Store({ client: here.s3, bucket }).list(prefix))
      await copyTo(here, there, { bucket, key });
    return `s3://${there.bucket}/${prefix}`;
  };

/** The name of the metadata that says which object, by its ETag, one is a copy of. */
const originName = 'tempbalance-copied-from';

/**
 * Copies an object, with what is noted on it; the arrival of a data set starts no run there, as this one is started. A large one that an
 * earlier try has copied is not copied again.
 * @returns the version of the copy.
 */
async function copyTo(
  { s3, partBytes = largestPart }: Here,
  there: Place,
  from: S3Location,
): Promise<string | undefined> {
  const { bucket, key } = from;
  const head = await headObject(s3, from);
  if (!head) throw new UserError('is not there any more', { where: `s3://${bucket}/${key}` });
  const { ContentLength: size = 0, ETag: etag } = head;
  const before = size > partBytes ? await headObject(there.s3, { bucket: there.bucket, key }) : undefined;
  if (before?.ContentLength === size && before.Metadata?.[originName] === etag) return before.VersionId;
  const started = key.startsWith('datasets/') ? startedByUploader : {};
  const metadata = { ...head.Metadata, ...started, ...(etag === undefined ? {} : { [originName]: etag }) };
  const target = { target: key, targetBucket: there.bucket };
  return copyObject(there.s3, from, { ...target, size, partBytes, etag, metadata });
}
