import { BatchClient } from '@aws-sdk/client-batch';
import { endJob } from '../../shared/cloud/end-job.ts';
import { collectEpoch } from '../../shared/pipeline/tasks/collect-epoch.ts';
import { tracer } from '../lambda.ts';
import { taskHandler } from '../task-handler.ts';
import { toFallback } from '../to-fallback.ts';

const batch = tracer.captureAWSv3Client(new BatchClient({}));

export const handler = taskHandler('CollectEpoch', collectEpoch, undefined, {
  endJob: (job) => endJob(batch, job),
  ...toFallback(),
});
