/** Data sets that no run can be made of. */
import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { runKeys } from '../checkpoints/run-keys.ts';
import { parseS3Uri, type S3Location } from '../checkpoints/s3-uri.ts';
import { BrokenInputError, messageOf, TooLargeError, UserError } from '../core/errors.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { readRequest } from '../pipeline/records.ts';
import type { Task } from '../pipeline/tasks/perform.ts';
import { copyObject } from './copy-object.ts';
import { headObject } from './head-object.ts';
import { profileOfDataset } from './profile.ts';
import { type DatasetVersion, forgetRefusal, noteRefusal } from './refused-data.ts';

/** The sentence about a data set whose file stays where it is. */
const notTriedAgain =
  'No schedule tries this version of the file again. One that is uploaded anew begins a run of its own.';

/**
 * Prepare, which sees to it that no schedule takes up a data set again and again that no run can be made of. One that is itself
 * broken is moved out of the way, to `rejected/<profile>/`, with a report beside it. One that does not fit into memory or onto the disk,
 * or that can't be moved, stays, and its version is noted. What settings ask of an intact file in vain is no reason for
 * either. A newer version that has come meanwhile stays.
 */
export function refusePoison(s3: S3Client, prepare: Task<'Prepare'>): Task<'Prepare'> {
  return async (ctx, message) => {
    const { run } = message;
    const { config } = await readRequest(ctx.store, run);
    const isNew = !(await ctx.store.get(runKeys.record(run)));
    const { path } = config.dataset;
    const dataset = isNew && typeof path === 'string' ? ownDataset(ctx, path) : undefined;
    try {
      const prepared = await prepare(ctx, message);
      if (dataset) await forgetRefusal(ctx.store, dataset);
      return prepared;
    } catch (error) {
      const reason = dataset && (await reasonAgainst(ctx, error, dataset.address));
      if (reason === undefined || !dataset) throw error;
      const report = error instanceof BrokenInputError ? await moved(s3, ctx, dataset, { run, reason }) : undefined;
      const at = ctx.now().toISOString();
      if (report === undefined) await noteRefusal(ctx.store, dataset, { at, run, reason });
      const wayOn =
        report === undefined
          ? notTriedAgain
          : `The data set was refused; the report: ${report}\n  Mended and uploaded again, it begins a run of its own.`;
      throw new UserError(`${reason}\n  ${wayOn}`, { cause: error });
    }
  };
}

interface OwnDataset extends DatasetVersion {
  readonly bucket: string;
  readonly versionId?: string;
  readonly address: string;
}

/** A data set below datasets/ of the run's own bucket; undefined for anything else. */
function ownDataset({ store }: TaskContext, address: string): OwnDataset | undefined {
  if (!address.startsWith('s3://')) return undefined;
  const location = parseS3Uri(address);
  const profile = profileOfDataset(location.key);
  return profile !== undefined && store.label === `s3://${location.bucket}`
    ? { ...location, profile, address }
    : undefined;
}

/** What an error says against a data set itself; undefined when it is about something else. */
async function reasonAgainst(ctx: TaskContext, error: unknown, address: string): Promise<string | undefined> {
  if (!(error instanceof BrokenInputError || error instanceof TooLargeError)) return undefined;
  if (error.where === address) return error.message;
  const path = await ctx.localPath(address).catch(() => undefined);
  return path !== undefined && error.where?.startsWith(path) ? error.message.replaceAll(path, address) : undefined;
}

/** Moves a data set out of the way. @returns the address of the report; undefined where it can't be moved, which is told. */
async function moved(
  s3: S3Client,
  ctx: TaskContext,
  { profile, address, ...location }: OwnDataset,
  { run, reason }: { run: string; reason: string },
): Promise<string | undefined> {
  const { bucket, key } = location;
  const target = `rejected/${profile}/${run.split('/').at(-1)}/${key.split('/').at(-1)}`;
  const report = `${target}.report.txt`;
  const lines = [
    `Refused on ${ctx.now().toISOString()}: no run can be made of this data set.`,
    '',
    reason,
    '',
    `It was ${address}, and is now s3://${bucket}/${target}.`,
    `Mend it and upload it to s3://${bucket}/datasets/${profile}/ again.`,
    '',
  ];
  try {
    await moveVersion(s3, location, target);
    await ctx.store.put(report, new TextEncoder().encode(lines.join('\n')));
    return `s3://${bucket}/${report}`;
  } catch (failure) {
    ctx.emit({ type: 'warning', message: `the data set could not be moved: ${messageOf(failure)}` });
    return undefined;
  }
}

/** Copies a version of an object, and deletes the object where that version is the newest. */
async function moveVersion(s3: S3Client, from: S3Location, target: string): Promise<void> {
  const { bucket, key, versionId } = from;
  const { ContentLength: size = 0 } = (await headObject(s3, from)) ?? {};
  await copyObject(s3, from, { target, size });
  const newest = await headObject(s3, { bucket, key });
  if (newest && (versionId === undefined || newest.VersionId === versionId)) {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }
}
