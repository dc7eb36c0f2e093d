import { BatchClient } from '@aws-sdk/client-batch';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { endJob } from '../../shared/cloud/end-job.ts';
import { fallbackOf, required } from '../../shared/cloud/environment.ts';
import { handOver } from '../../shared/cloud/fallback.ts';
import { openCloud } from '../../shared/cloud/open-cloud.ts';
import { collectEpoch } from '../../shared/pipeline/tasks/collect-epoch.ts';
import { hungRequestMs, patientS3, s3, tracer } from '../lambda.ts';
import { taskHandler } from '../task-handler.ts';

const batch = tracer.captureAWSv3Client(new BatchClient({}));
const fallback = fallbackOf(process.env);

/** To the deployment that the settings name, which is looked for when it is needed. */
async function toFallback(run: string, execution: string): Promise<string> {
  const store = s3Store({
    client: s3,
    bucket: required(process.env, 'TEMPBALANCE_BUCKET'),
    tryTimeoutMs: hungRequestMs,
  });
  return handOver({ s3: patientS3, store, run, execution }, await openCloud(fallback!), new Date());
}

export const handler = taskHandler('CollectEpoch', collectEpoch, undefined, {
  endJob: (job) => endJob(batch, job),
  ...(fallback ? { handOver: toFallback } : {}),
});
