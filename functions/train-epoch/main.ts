/** The training container: runs one training task, and tells by its exit code how it ended. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@aws-lambda-powertools/logger';
import { S3Client } from '@aws-sdk/client-s3';
import { countedStore } from '../../shared/checkpoints/counted-store.ts';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { cloudContext } from '../../shared/cloud/cloud-context.ts';
import { required } from '../../shared/cloud/environment.ts';
import { s3Inputs } from '../../shared/cloud/inputs.ts';
import { cloudMeter, jobLaps } from '../../shared/cloud/meter.ts';
import { explained } from '../../shared/core/errors.ts';
import { openedOnce } from '../../shared/pipeline/resources.ts';
import { exitCodeOf } from '../../shared/pipeline/task-failure.ts';
import { describeJob, noteJob, runTrainingJob } from '../../shared/pipeline/training-job.ts';
import { emitEvent } from '../emit.ts';
import { watched } from '../watchdog.ts';
import { cacheOf } from './cache-of.ts';
import { endInTime } from './end-in-time.ts';
import { toldToEnd } from './told-to-end.ts';

const { run, target, endsAt } = describeJob(process.env);
const logger = new Logger({ persistentKeys: { run } });

let lastWords = async () => {};
const interrupted = toldToEnd(
  process,
  () => logger.warn('told to end'),
  () => lastWords(),
);

endInTime(
  process,
  endsAt,
  () => logger.warn('the hours of the budget are used up'),
  () => lastWords(),
  watched(),
);

const client = new S3Client({ maxAttempts: 1, forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined });
const scratch = join(process.env.TMPDIR ?? tmpdir(), 'inputs');
const jobId = process.env.AWS_BATCH_JOB_ID ?? randomUUID();
const cache = await cacheOf(process.env, jobId, (message) => logger.info(message));
const inputs = s3Inputs(client, scratch, { cache });
const { localPath } = inputs;

try {
  const bucket = required(process.env, 'TEMPBALANCE_BUCKET');
  const { store, take } = countedStore(s3Store({ client, bucket }));
  const region = required(process.env, 'AWS_REGION');
  const job = jobLaps(jobId, process.uptime);
  const context = cloudContext({
    store,
    emit: (event) => emitEvent(logger, event),
    meter: cloudMeter({ store, region, takeRequests: take, job }),
    service: process.env.POWERTOOLS_SERVICE_NAME,
    inputs,
    resources: openedOnce({ localPath, warn: (message) => logger.warn(message), hasGpu: target === 'gpu' }),
    interrupted,
  });
  lastWords = () => noteJob(context, process.env);
  await runTrainingJob(context, process.env);
  process.exitCode = 0;
} catch (error) {
  const { message } = explained(error as Error, inputs.withAddresses);
  logger.error(message, error as Error);
  process.exitCode = exitCodeOf(error);
} finally {
  client.destroy();
  // The next job may be on this machine before the container is removed.
  for (const folder of [scratch, cache?.scratch ?? scratch]) rmSync(folder, { recursive: true, force: true });
}
