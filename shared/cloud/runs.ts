/** The runs in a deployment's bucket. */
import { paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { runKeys } from '../checkpoints/run-keys.ts';
import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import type { Cloud } from './open-cloud.ts';

const folder = 'runs/';

/** Key prefix of a run by its name. */
export const runOf = (name: string): string => `${folder}${name}`;
export const nameOf = (run: string): string => run.split('/').at(-1)!;

/** Names of the runs, sorted. */
export const listCloudRuns = (cloud: Pick<Cloud, 's3' | 'bucket'>): Promise<string[]> => namesBelow(cloud, folder);

/** Names of what lies below a folder of the bucket, which ends in a slash, sorted. */
export async function namesBelow({ s3, bucket }: Pick<Cloud, 's3' | 'bucket'>, folder: string): Promise<string[]> {
  const names: string[] = [];
  const pages = paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: folder, Delimiter: '/' });
  for await (const { CommonPrefixes = [] } of pages) {
    for (const { Prefix } of CommonPrefixes) names.push(Prefix!.slice(folder.length, -1));
  }
  return names.sort();
}

/**
 * The run that is meant by its name or its address.
 * @returns its key prefix.
 * @throws UserError when there is none.
 */
export async function findCloudRun(cloud: Pick<Cloud, 's3' | 'bucket' | 'store'>, given: string): Promise<string> {
  const run = runOf(nameOf(given.replace(/\/+$/, '')));
  if (!['', '.', '..'].includes(nameOf(run)) && (await cloud.store.get(runKeys.request(run)))) return run;
  const known = await listCloudRuns(cloud);
  throw new UserError(`there is no such run in s3://${cloud.bucket}`, {
    where: given,
    remedy:
      didYouMean(nameOf(run), known) ||
      (known.length === 0
        ? 'Start one by `npx tempbalance cloud submit`.'
        : `There are: ${known.slice(0, 20).join(', ')}${known.length > 20 ? ', ...' : ''}.`),
  });
}
