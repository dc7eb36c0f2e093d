/** Data sets that no run can be made of. */
import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { runKeys } from '../checkpoints/run-keys.ts';
import { parseS3Uri, type S3Location } from '../checkpoints/s3-uri.ts';
import { BrokenInputError, messageOf, UserError } from '../core/errors.ts';
import { onePath } from '../datasets/data-path.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { readRequest } from '../pipeline/records.ts';
import type { Task } from '../pipeline/tasks/perform.ts';
import { copyObject } from './copy-object.ts';
import { headObject } from './head-object.ts';
import { profileOfDataset } from './profile.ts';

/**
 * Prepare, which moves a data set that is itself broken out of the way, to `rejected/<profile>/`, with a report beside it: a
 * schedule would take it up again and again. What settings ask of an intact file in vain is no reason to move it. A newer
 * version that has come meanwhile stays.
 */
export function refusePoison(s3: S3Client, prepare: Task<'Prepare'>): Task<'Prepare'> {
  return async (ctx, message) => {
    const { config } = await readRequest(ctx.store, message.run);
    const isNew = !(await ctx.store.get(runKeys.record(message.run)));
    try {
      return await prepare(ctx, message);
    } catch (error) {
      const address = onePath(config.dataset.path, 'a deployed run');
      const reason = isNew ? await reasonAgainst(ctx, error, address) : undefined;
      if (reason === undefined) throw error;
      const report = await rejectDataset(s3, ctx, address, { run: message.run, reason }).catch((failure: unknown) => {
        ctx.emit({ type: 'warning', message: `the data set could not be moved: ${messageOf(failure)}` });
      });
      if (!report) throw error;
      const wayOn = 'Mended and uploaded again, it begins a run of its own.';
      throw new UserError(`${reason}\n  The data set was refused; the report: ${report}\n  ${wayOn}`, { cause: error });
    }
  };
}

/** What an error says against a data set itself; undefined when it is about something else. */
async function reasonAgainst(ctx: TaskContext, error: unknown, address: string): Promise<string | undefined> {
  if (!(error instanceof BrokenInputError) || !address.startsWith('s3://')) return undefined;
  const path = await ctx.localPath(address).catch(() => undefined);
  return path !== undefined && error.where?.startsWith(path) ? error.message.replaceAll(path, address) : undefined;
}

/** @returns the address of the report; undefined when the data set does not lie below datasets/ of the run's own bucket. */
async function rejectDataset(
  s3: S3Client,
  { store, now }: TaskContext,
  address: string,
  { run, reason }: { run: string; reason: string },
): Promise<string | undefined> {
  const { bucket, key, versionId } = parseS3Uri(address);
  const profile = profileOfDataset(key);
  if (profile === undefined || store.label !== `s3://${bucket}`) return undefined;
  const target = `rejected/${profile}/${run.split('/').at(-1)}/${key.split('/').at(-1)}`;
  await moveVersion(s3, { bucket, key, versionId }, target);
  const report = `${target}.report.txt`;
  const lines = [
    `Refused on ${now().toISOString()}: no run can be made of this data set.`,
    '',
    reason,
    '',
    `It was ${address}, and is now s3://${bucket}/${target}.`,
    `Mend it and upload it to s3://${bucket}/datasets/${profile}/ again.`,
    '',
  ];
  await store.put(report, new TextEncoder().encode(lines.join('\n')));
  return `s3://${bucket}/${report}`;
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
