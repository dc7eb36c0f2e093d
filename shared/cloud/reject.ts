import { CopyObjectCommand, DeleteObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { profileOfDataset } from './profile.ts';

/**
 * Moves a data set that no run can be made of out of the way, to `rejected/<profile>/`, with a report beside it: a schedule
 * would take it up again and again. A newer version that has come meanwhile stays.
 * @param address of the data set.
 * @returns where the report is; undefined when the data set is not one of the bucket's profiles.
 */
export async function rejectDataset(
  { s3, bucket }: { s3: S3Client; bucket: string },
  address: string,
  { run, reason, at }: { run: string; reason: string; at: Date },
): Promise<string | undefined> {
  if (!address.startsWith(`s3://${bucket}/datasets/`)) return undefined;
  const { key, versionId } = parseS3Uri(address);
  const profile = profileOfDataset(key);
  if (profile === undefined) return undefined;
  const target = `rejected/${profile}/${run.split('/').at(-1)}/${key.split('/').at(-1)}`;
  const version = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
  const source = `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}${version}`;
  await s3.send(new CopyObjectCommand({ Bucket: bucket, Key: target, CopySource: source }));
  const report = `${target}.report.txt`;
  const lines = [
    `Rejected on ${at.toISOString()}: no run can be made of this data set.`,
    '',
    reason,
    '',
    `It was ${address}, and is now s3://${bucket}/${target}.`,
    `Mend it and upload it to s3://${bucket}/datasets/${profile}/ again.`,
    '',
  ];
  await s3Store({ client: s3, bucket }).put(report, new TextEncoder().encode(lines.join('\n')));
  const newest = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
  if (versionId === undefined || newest.VersionId === versionId) {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }
  return `s3://${bucket}/${report}`;
}
