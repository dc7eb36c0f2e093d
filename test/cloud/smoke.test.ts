import { join } from 'node:path';
import type { JobDetail } from '@aws-sdk/client-batch';
import { beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import type { ComputeChoices } from '../../shared/cloud/environment.ts';
import { type SmokeOptions, smoke } from '../../shared/cloud/smoke.ts';
import { choicesOf, smokeDeployment } from '../../shared/cloud/smoke-deployment.ts';
import { UserError } from '../../shared/core/errors.ts';
import type { Machine } from '../../shared/costs/machines.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runTrainingJob } from '../../shared/pipeline/training-job.ts';
import { startDeployment } from '../support/deployment.ts';
import { prices } from '../support/metered-run.ts';
import { temporaryFolder } from '../support/small-run.ts';
import { createStack } from '../support/stack.ts';

const fargate: Machine = { kind: 'fargate', vcpus: 4, memoryGb: 16 };
const gpu: Machine = { kind: 'instance', instances: ['g5.xlarge'], memoryGb: 12 };
const choices: ComputeChoices = {
  gpu: {
    spot: { queue: 'gpu-spot', definition: 'gpu', machine: gpu },
    onDemand: { queue: 'gpu-on-demand', definition: 'gpu', machine: gpu },
  },
  cpu: {
    spot: { queue: 'cpu-spot', definition: 'cpu', machine: fargate },
    onDemand: { queue: 'cpu-on-demand', definition: 'cpu', machine: fargate },
  },
};

type Story = 'trains' | 'waits' | 'fails' | 'leaves nothing';
const start = Date.UTC(2026, 10, 30);

let store: ReturnType<typeof memoryStore>;
let clock: number;
beforeEach(() => {
  store = memoryStore();
  clock = start;
});

/** AWS Batch, by what becomes of the job of each queue. */
async function batchWith(stories: Readonly<Record<string, Story>>) {
  const scratch = await temporaryFolder();
  const jobs = new Map<string, JobDetail>();
  const submitted: { jobQueue: string; timeout: { attemptDurationSeconds: number } }[] = [];
  const ended: string[] = [];
  const localPath = async () => join(scratch, 'waves.npy');
  const train = async (state: string) => {
    const { close, ...ctx } = localContext(store, () => undefined, { localPath, measures: false });
    await runTrainingJob(ctx, { TEMPBALANCE_STATE: state });
    await close();
  };
  const answers: Record<string, (input: never) => unknown> = {
    async SubmitJobCommand(
      input: (typeof submitted)[0] & { containerOverrides: { environment: { value: string }[] } },
    ) {
      submitted.push(input);
      const jobId = input.jobQueue;
      const story = stories[jobId]!;
      const times = { createdAt: clock, startedAt: clock + 30_000, stoppedAt: clock + 50_000 };
      if (story === 'trains') await train(input.containerOverrides.environment[0]!.value);
      const waiting = {
        status: 'RUNNABLE',
        statusReason: 'UNDETERMINED - Batch job is blocked.',
        createdAt: clock,
      } as const;
      const failed = { status: 'FAILED', statusReason: 'Essential container in task exited', ...times } as const;
      const byStory: Record<Story, Partial<JobDetail>> = {
        trains: { status: 'SUCCEEDED', ...times },
        'leaves nothing': { status: 'SUCCEEDED', ...times },
        waits: waiting,
        fails: { ...failed, container: { exitCode: 1, logStreamName: 'train/default/1' } },
      };
      jobs.set(jobId, { jobId, ...byStory[story] } as JobDetail);
      return { jobId };
    },
    DescribeJobsCommand: ({ jobs: ids }: { jobs: string[] }) => ({ jobs: ids.map((id) => jobs.get(id)) }),
    TerminateJobCommand: ({ jobId }: { jobId: string }) => ended.push(jobId),
  };
  const send = async (command: { constructor: { name: string }; input: never }) =>
    answers[command.constructor.name]!(command.input);
  const options: SmokeOptions = {
    batch: { send } as unknown as SmokeOptions['batch'],
    store,
    bucket: 'bucket',
    choices,
    meter: { prices: async () => prices },
    scratch,
    minutes: 20,
    now: () => new Date(clock),
    sleep: async (milliseconds) => {
      clock += milliseconds;
    },
  };
  return { options, submitted, ended };
}

const everywhere = (story: Story) =>
  Object.fromEntries(Object.values(choices).flatMap((each) => Object.values(each).map(({ queue }) => [queue, story])));

describe('the smoke test of a deployment', () => {
  it('trains a step on every queue, says how long and how much, and leaves nothing behind', async () => {
    const { options, submitted } = await batchWith(everywhere('trains'));
    const findings = await smoke(options);
    expect(findings.map(({ check, result }) => [check, result])).toEqual([
      ['smoke gpu Spot', 'ok'],
      ['smoke gpu on-demand', 'ok'],
      ['smoke cpu Spot', 'ok'],
      ['smoke cpu on-demand', 'ok'],
    ]);
    expect(findings[0]!.found).toBe('a training step; waited 30 s, ran 20 s, 0.0556 USD at most');
    expect(findings[2]!.found).toBe('a training step; waited 30 s, ran 20 s, 0.0050 USD at most');
    expect(submitted.map(({ timeout }) => timeout.attemptDurationSeconds)).toEqual([600, 600, 600, 600]);
    expect(await store.list('')).toEqual([]);
  });

  it('says why a job failed, or waits; ends what is not over in time, and leaves nothing behind', async () => {
    const stories = {
      ...everywhere('trains'),
      'gpu-spot': 'waits',
      'gpu-on-demand': 'fails',
      'cpu-spot': 'leaves nothing',
    } as const;
    const { options, ended } = await batchWith(stories);
    const findings = await smoke(options);
    expect(findings).toMatchObject([
      {
        result: 'problem',
        found: 'not over after 20 minutes, RUNNABLE: UNDETERMINED - Batch job is blocked.; waited 1200 s',
        remedy: expect.stringContaining('a quota of GPU vCPUs'),
      },
      {
        result: 'problem',
        found:
          'the job failed: Essential container in task exited; exit code 1; waited 30 s, ran 20 s, 0.0556 USD at most',
        remedy: 'See its log: train/default/1.',
      },
      { result: 'problem', found: expect.stringContaining('left no trained epoch in the bucket') },
      { result: 'ok' },
    ]);
    expect(clock - start).toBe(20 * 60_000);
    expect(ended).toContain('gpu-spot');
    expect(await store.list('')).toEqual([]);
  });

  it('ends all jobs and leaves nothing behind as soon as nobody waits for them', async () => {
    const { options, ended } = await batchWith(everywhere('waits'));
    const stop = new AbortController();
    const sleep: SmokeOptions['sleep'] = (milliseconds) => {
      stop.abort();
      return options.sleep(milliseconds);
    };
    await smoke({ ...options, signal: stop.signal, sleep });
    expect(clock - start).toBeLessThan(60_000);
    expect(new Set(ended)).toEqual(new Set(Object.keys(everywhere('waits'))));
    expect(await store.list('')).toEqual([]);
  });

  it('submits nothing where the quota is 0, and goes on where a region has no prices', async () => {
    const { options, submitted } = await batchWith(everywhere('trains'));
    const findings = await smoke({
      ...options,
      meter: { prices: () => Promise.reject(new UserError('there are no prices of xx-1')) },
      quotaFor: async ({ target }) => (target === 'gpu' ? { jobs: 0, found: 'the quota is 0', remedy: '' } : undefined),
    });
    expect(findings.filter(({ result }) => result === 'problem').map(({ found }) => found)).toEqual([
      'the quota is 0',
      'the quota is 0',
    ]);
    expect(findings[2]!.found).toContain('for a price that is not known');
    expect(submitted.map(({ jobQueue }) => jobQueue)).toEqual(['cpu-spot', 'cpu-on-demand']);
  });
});

const deployment = await startDeployment();

describe.skipIf(!deployment)('the smoke test of a deployment that is found by its name', () => {
  it('takes the queues from the function that chooses them, and tells what each answers', async () => {
    const { stack, store, environment } = { stack: 'smoked', ...deployment! };
    const policy = {
      Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    };
    await createStack(deployment!, {
      name: stack,
      Resources: {
        Role0A1B2C3D: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: policy } },
        FunctionsPrepare0A1B2C3D: {
          Type: 'AWS::Lambda::Function',
          Properties: {
            Code: { ZipFile: 'exports.handler = () => undefined' },
            Handler: 'index.handler',
            Runtime: 'nodejs22.x',
            Role: { 'Fn::GetAtt': ['Role0A1B2C3D', 'Arn'] },
            Environment: { Variables: { TEMPBALANCE_COMPUTE: environment.TEMPBALANCE_COMPUTE } },
          },
        },
      },
    });
    expect(await choicesOf({ stack, region: 'us-east-1' })).toEqual(JSON.parse(environment.TEMPBALANCE_COMPUTE!));
    const findings = await smokeDeployment({ stack }, 1, new AbortController().signal);
    expect(findings.map(({ check, result }) => [check, result])).toEqual([
      ['smoke gpu Spot', 'problem'],
      ['smoke gpu on-demand', 'problem'],
      ['smoke cpu Spot', 'problem'],
      ['smoke cpu on-demand', 'problem'],
    ]);
    expect(findings[0]!.found).toContain('gpu-spot does not exist');
    expect(await store.list('')).toEqual([]);
  });

  it('says that a stack without such a function is none', async () => {
    await createStack(deployment!, { name: 'empty' });
    expect(await smokeDeployment({ stack: 'empty' }, 1, new AbortController().signal)).toEqual([
      {
        check: 'smoke',
        result: 'problem',
        found: 'empty: the stack has no function that knows its queues',
        remedy: 'Deploy again.',
      },
    ]);
  });
});
