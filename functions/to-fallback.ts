/** The way to the deployment in another region, which is looked for when a run goes there. */
import { s3Store } from '../shared/checkpoints/s3-store.ts';
import { fallbackOf, required } from '../shared/cloud/environment.ts';
import { handOver } from '../shared/cloud/fallback.ts';
import { openCloud } from '../shared/cloud/open-cloud.ts';
import type { TaskContext } from '../shared/pipeline/context.ts';
import { hungRequestMs, patientS3, s3 } from './lambda.ts';

/** `handOver` of a task, where the settings name such a deployment. */
export function toFallback(): Pick<TaskContext, 'handOver'> {
  const fallback = fallbackOf(process.env);
  if (!fallback) return {};
  return {
    async handOver(leaving) {
      const bucket = required(process.env, 'TEMPBALANCE_BUCKET');
      const store = s3Store({ client: s3, bucket, tryTimeoutMs: hungRequestMs });
      return handOver({ ...leaving, s3: patientS3, store }, await openCloud(fallback), new Date());
    },
  };
}
