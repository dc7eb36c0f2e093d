/** Ending a job that the workflow has given up: Step Functions does not promise to, and a job that nobody waits for would cost. */
import {
  type BatchClient,
  DescribeJobsCommand,
  type JobDetail,
  paginateListJobs,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { z } from 'zod';
import { elapsedSeconds } from '../core/elapsed.ts';
import { endingSeconds } from '../decisions/spending.ts';
import type { EndedJob } from '../pipeline/context.ts';
import { stateVariable } from '../pipeline/execution.ts';

/** The most jobs that are described at a time. */
const describedAtOnce = 100;

const isOver = ({ status }: JobDetail) => status === 'SUCCEEDED' || status === 'FAILED';

const stateSchema = z.object({ execution: z.string() });

/** The execution that submitted a job, by the state that it was given; undefined where it was given none. */
function executionOf({ container }: JobDetail): string | undefined {
  const { value } = container?.environment?.find(({ name }) => name === stateVariable) ?? {};
  try {
    return stateSchema.parse(JSON.parse(value ?? '')).execution;
  } catch {
    return undefined;
  }
}

/** For how long a job will have run once it has been ended; undefined for one that never began. */
function ranFor(job: JobDetail, now: Date): EndedJob['ran'] {
  const { jobId: id, startedAt, stoppedAt } = job;
  if (!id || !startedAt) return undefined;
  const began = new Date(startedAt);
  const seconds = isOver(job)
    ? elapsedSeconds(began, new Date(stoppedAt ?? now))
    : elapsedSeconds(began, now) + endingSeconds;
  return { id, seconds };
}

/**
 * Ends the job of this name that an execution has in a queue, unless it is over; another execution of the run may have one of the same name.
 * @returns what AWS Batch said of it; undefined where there is none.
 */
export async function endJob(
  client: BatchClient,
  { queue: jobQueue, name, execution }: { queue: string; name: string; execution: string },
  now = new Date(),
): Promise<EndedJob | undefined> {
  let ended: EndedJob | undefined;
  const filters = [{ name: 'JOB_NAME', values: [name] }];
  for await (const { jobSummaryList = [] } of paginateListJobs(
    { client, pageSize: describedAtOnce },
    { jobQueue, filters },
  )) {
    if (jobSummaryList.length === 0) continue;
    const ids = jobSummaryList.map(({ jobId }) => jobId!);
    const { jobs = [] } = await client.send(new DescribeJobsCommand({ jobs: ids }));
    for (const job of jobs) {
      if (executionOf(job) !== execution) continue;
      const ran = ranFor(job, now);
      ended ??= { reason: isOver(job) ? undefined : job.statusReason, ...(ran ? { ran } : {}) };
      if (isOver(job)) continue;
      await client.send(new TerminateJobCommand({ jobId: job.jobId, reason: 'the workflow has given it up' }));
    }
  }
  return ended;
}
