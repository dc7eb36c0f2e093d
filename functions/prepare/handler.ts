import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { keptWhileLive } from '../../shared/cloud/ended-run.ts';
import { quotasFor } from '../../shared/cloud/gpu-quota.ts';
import { refusePoison } from '../../shared/cloud/reject.ts';
import { openedOnce } from '../../shared/pipeline/resources.ts';
import { prepare } from '../../shared/pipeline/tasks/prepare.ts';
import { patientS3, tracer } from '../lambda.ts';
import { taskHandler } from '../task-handler.ts';
import { toFallback } from '../to-fallback.ts';

const client = tracer.captureAWSv3Client(new ServiceQuotasClient({}));

export const handler = taskHandler('Prepare', keptWhileLive(patientS3, refusePoison(patientS3, prepare)), openedOnce, {
  forget: true,
  quotas: (choices) => quotasFor(client, choices),
  ...toFallback(),
});
