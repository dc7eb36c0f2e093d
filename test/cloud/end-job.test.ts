import { BatchClient } from '@aws-sdk/client-batch';
import { expect, it } from 'vitest';
import { endJob } from '../../shared/cloud/end-job.ts';

const job = (jobId: string, execution: string, status = 'RUNNABLE') => ({
  jobId,
  status,
  statusReason: `reason of ${jobId}`,
  container: { environment: [{ name: 'TEMPBALANCE_STATE', value: JSON.stringify({ execution }) }] },
});

/** A client that has these jobs, one on a page; what it was asked to end is kept. */
function clientWith(jobs: ReturnType<typeof job>[]) {
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

it('ends the job of an execution, and no other of its name', async () => {
  const { client, ended } = clientWith([
    job('job-1', 'another'),
    job('job-2', 'ours', 'FAILED'),
    job('job-3', 'ours'),
    { ...job('job-4', 'ours'), container: { environment: [] } },
  ]);
  const said = await endJob(client, { queue: 'queue', name: 'fake-epoch-0-try-0', execution: 'ours' });
  expect(said).toBe('reason of job-3');
  expect(ended).toEqual([{ jobId: 'job-3', reason: 'the workflow has given it up' }]);
});
