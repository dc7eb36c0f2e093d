import { BatchClient } from '@aws-sdk/client-batch';
import { expect, it } from 'vitest';
import { endJob } from '../../shared/cloud/end-job.ts';

interface Times {
  readonly startedAt?: number;
  readonly stoppedAt?: number;
}

const job = (jobId: string, execution: string, status = 'RUNNABLE') => ({
  jobId,
  status,
  statusReason: `reason of ${jobId}`,
  container: { environment: [{ name: 'TEMPBALANCE_STATE', value: JSON.stringify({ execution }) }] },
});

/** A client that has these jobs, one on a page; what it was asked to end is kept. */
function clientWith(jobs: (ReturnType<typeof job> & Times)[]) {
  const ended: unknown[] = [];
  const answers: Record<string, (input: Record<string, unknown>) => unknown> = {
    ListJobsCommand: ({ nextToken }) => {
      const at = Number(nextToken ?? 0);
      const [found] = jobs.slice(at);
      return {
        jobSummaryList: found ? [{ jobId: found.jobId }] : [],
        ...(at + 1 < jobs.length ? { nextToken: `${at + 1}` } : {}),
      };
    },
    DescribeJobsCommand: ({ jobs: ids }) => ({ jobs: jobs.filter(({ jobId }) => (ids as string[]).includes(jobId)) }),
    TerminateJobCommand: (input) => ended.push(input),
  };
  const send = async (command: { input: Record<string, unknown> }) => answers[command.constructor.name]!(command.input);
  return { client: Object.assign(new BatchClient({ region: 'us-east-1' }), { send }), ended };
}

const named = { queue: 'queue', name: 'fake-epoch-0-try-0', execution: 'ours' };

it('ends the job of an execution, and no other of its name', async () => {
  const { client, ended } = clientWith([
    job('job-1', 'another'),
    job('job-3', 'ours'),
    { ...job('job-4', 'ours'), container: { environment: [] } },
  ]);
  expect(await endJob(client, named)).toEqual({ reason: 'reason of job-3' });
  expect(ended).toEqual([{ jobId: 'job-3', reason: 'the workflow has given it up' }]);
});

it('tells how long a job will have run that was given up while it ran: it gets 40 s to end', async () => {
  const { client, ended } = clientWith([{ ...job('job-1', 'ours', 'RUNNING'), startedAt: 1_000_000 }]);
  const { ran } = (await endJob(client, named, new Date(1_600_000)))!;
  expect(ran).toEqual({ id: 'job-1', seconds: 640 });
  expect(ended).toHaveLength(1);
});

it('leaves a job that is over alone, and tells how long it ran', async () => {
  const over = { ...job('job-1', 'ours', 'FAILED'), startedAt: 1_000_000, stoppedAt: 1_300_000 };
  const { client, ended } = clientWith([over]);
  expect(await endJob(client, named)).toEqual({ reason: undefined, ran: { id: 'job-1', seconds: 300 } });
  expect(ended).toEqual([]);
});
