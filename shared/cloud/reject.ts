/** Data sets that no run can be made of. */
import { CopyObjectCommand, DeleteObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { runKeys } from '../checkpoints/run-keys.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { UserError } from '../core/errors.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { readRequest } from '../pipeline/records.ts';
import type { Task } from '../pipeline/tasks/perform.ts';
import { profileOfDataset } from './profile.ts';

/**
 * Prepare, which moves a data set that it refuses out of the way, to `rejected/<profile>/`, with a report beside it: a
 * schedule would take it up again and again. A newer version that has come meanwhile stays.
 */
export function refusePoison(s3: S3Client, prepare: Task<'Prepare'>): Task<'Prepare'> {
  return async (ctx, message) => {
    const { config } = await readRequest(ctx.store, message.run);
    const isNew = !(await ctx.store.get(runKeys.record(message.run)));
    try {
      return await prepare(ctx, message);
    } catch (error) {
      const address = config.dataset.path;
      const reason = isNew ? await reasonAgainst(ctx, error, address) : undefined;
      if (reason === undefined) throw error;
      const report = await rejectDataset(s3, ctx, address, { run: message.run, reason });
      if (report === undefined) throw error;
      throw new UserError(`${reason}\n  The data set was moved; its report: ${report}`, { cause: error });
    }
  };
}

/** What an error says against a data set; undefined when it is about something else. */
async function reasonAgainst(ctx: TaskContext, error: unknown, address: string): Promise<string | undefined> {
  if (!(error instanceof UserError) || !address.startsWith('s3://')) return undefined;
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
  const version = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
  const source = `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}${version}`;
  await s3.send(new CopyObjectCommand({ Bucket: bucket, Key: target, CopySource: source }));
  const report = `${target}.report.txt`;
  const lines = [
    `Rejected on ${now().toISOString()}: no run can be made of this data set.`,
    '',
    reason,
    '',
    `It was ${address}, and is now s3://${bucket}/${target}.`,
    `Mend it and upload it to s3://${bucket}/datasets/${profile}/ again.`,
    '',
  ];
  await store.put(report, new TextEncoder().encode(lines.join('\n')));
  const newest = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
  if (versionId === undefined || newest.VersionId === versionId) {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }
  return `s3://${bucket}/${report}`;
}
