/** A training step on every queue of a deployment: whether a job starts there, computes, and reaches the bucket; and what that took. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BatchClient,
  DescribeJobsCommand,
  type JobDetail,
  SubmitJobCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { encodeJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { type RunConfig, runFileSchema } from '../config/run-file.ts';
import type { Finding } from '../core/finding.ts';
import { npyHeader } from '../datasets/arrays/npy.ts';
import { type Market, markets, type Target, targets } from '../decisions/compute.ts';
import { endingSeconds } from '../decisions/spending.ts';
import { trainingJobName } from '../pipeline/compute.ts';
import type { Meter, TaskContext } from '../pipeline/context.ts';
import { stateVariable } from '../pipeline/execution.ts';
import type { PipelineState } from '../pipeline/messages.ts';
import { openedOnce } from '../pipeline/resources.ts';
import { blockedReasons } from '../pipeline/task-failure.ts';
import { readResult } from '../pipeline/task-result.ts';
import { prepare } from '../pipeline/tasks/prepare.ts';
import { cloudContext } from './cloud-context.ts';
import type { ComputeChoices } from './environment.ts';
import { type Answer, ok, problem, problemOf } from './finding-answer.ts';

/** The clients and limits of a smoke test. */
export interface SmokeOptions {
  readonly batch: Pick<BatchClient, 'send'>;
  /** The whole bucket, by its name. */
  readonly store: ArtifactStore;
  readonly bucket: string;
  readonly choices: ComputeChoices;
  readonly meter: Pick<Meter, 'prices'>;
  readonly quotaFor?: TaskContext['quotaFor'];
  /** A folder of this machine for the data. */
  readonly scratch: string;
  /** How long all of it may take; a job that has not ended then is ended. */
  readonly minutes: number;
  /** Aborted, jobs are waited for no longer. */
  readonly signal?: AbortSignal | undefined;
  now(): Date;
  sleep(milliseconds: number): Promise<unknown>;
}

/** The longest time of a job, in seconds. */
const jobSeconds = 600;
const lookEveryMs = 10_000;

/** A wave that moves; a job that trains on it takes one step. */
const shape = [4, 6, 16] as const;

function waves(): Uint8Array {
  const [samples, steps, points] = shape;
  const values = Float32Array.from({ length: samples * steps * points }, (_, index) => {
    const [point, step, sample] = [
      index % points,
      Math.floor(index / points) % steps,
      Math.floor(index / points / steps),
    ];
    return Math.sin((2 * Math.PI * (point + step)) / points + sample);
  });
  return Buffer.concat([npyHeader(shape), Buffer.from(values.buffer)]);
}

const settings = (path: string, target: Target, market: Market): RunConfig =>
  runFileSchema.parse({
    model: { family: 'fno1d', modes: 2, width: 16, projection: 16 },
    dataset: { format: 'fields', path, window: 2 },
    training: { epochs: 1, batchSize: 4, validation: 1 },
    compute: { target, spot: market === 'spot', epochsPerTask: 2 },
  });

/** A queue and its job. */
interface Trial {
  readonly check: string;
  readonly state: PipelineState;
  readonly jobId: string;
}

/**
 * Submits a job to every queue, waits for all of them, and deletes what they left in the bucket.
 * @throws what AWS answers where the data can not be written; what goes wrong with a queue is its finding.
 */
export async function smoke(options: SmokeOptions): Promise<Finding[]> {
  const { store, bucket, choices, scratch, batch } = options;
  const id = `smoke-${randomBytes(4).toString('hex')}`;
  const data = `validation/${id}.npy`;
  const address = `s3://${bucket}/${data}`;
  const local = join(scratch, 'waves.npy');
  const prefixes = [`runs/${id}-`, data];
  const trials: Trial[] = [];
  try {
    await store.put(data, waves());
    await writeFile(local, waves());
    const findings: Finding[] = [];
    for (const [target, market] of queuesOf(choices)) {
      const check = `smoke ${target} ${market === 'spot' ? 'Spot' : 'on-demand'}`;
      try {
        const submitted = await submit(options, {
          run: `runs/${id}-${target}-${market}`,
          address,
          local,
          target,
          market,
        });
        if ('result' in submitted) findings.push({ check, ...submitted });
        else trials.push({ check, ...submitted });
      } catch (error) {
        findings.push({ check, ...problemOf(error) });
      }
    }
    return [...findings, ...(await followed(options, trials))];
  } finally {
    for (const { jobId } of trials) await end(batch, jobId, 'the smoke test is over').catch(() => undefined);
    for (const prefix of prefixes) for (const key of await store.list(prefix)) await store.delete(key);
  }
}

const end = (batch: SmokeOptions['batch'], jobId: string, reason: string) =>
  batch.send(new TerminateJobCommand({ jobId, reason }));

/** Kinds of machines with a queue of their own. */
function queuesOf(choices: ComputeChoices): [Target, Market][] {
  const seen = new Set<string>();
  const all = targets.flatMap((target) => markets.map((market): [Target, Market] => [target, market]));
  return all.filter(([target, market]) => {
    const { queue } = choices[target][market];
    return !seen.has(queue) && seen.add(queue);
  });
}

/** @returns the job and what it was given; or why it would wait in vain. */
async function submit(
  { batch, store, choices, meter, quotaFor }: SmokeOptions,
  where: { run: string; address: string; local: string; target: Target; market: Market },
): Promise<Omit<Trial, 'check'> | Answer> {
  const { run, address, local, target, market } = where;
  const quota = await quotaFor?.({ target, market }).catch(() => undefined);
  if (quota?.jobs === 0) return problem(quota.found, quota.remedy);
  await store.put(runKeys.request(run), encodeJson({ version: 1, config: settings(address, target, market) }));
  const localPath = async (path: string) => (path === address ? local : path);
  const resources = openedOnce({ localPath, measures: false, warn: () => undefined });
  try {
    const inputs = {
      localPath,
      openTensors: () => Promise.reject(new Error('no weights')),
      withAddresses: (text: string) => text,
    };
    /** No function does anything here: memory of the smallest there are. */
    const notMetered = { functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }) };
    const state = await prepare(
      cloudContext({
        store,
        compute: choices,
        resources,
        inputs,
        meter: { ...meter, ...notMetered },
        emit: () => undefined,
      }),
      { run },
    );
    const { queue, definition, attemptSeconds } = state.compute;
    const { jobId } = await batch.send(
      new SubmitJobCommand({
        jobName: trainingJobName(state),
        jobQueue: queue,
        jobDefinition: definition,
        timeout: { attemptDurationSeconds: Math.min(attemptSeconds, jobSeconds) },
        containerOverrides: { environment: [{ name: stateVariable, value: JSON.stringify(state) }] },
      }),
    );
    return { state, jobId: jobId! };
  } finally {
    await resources.close();
  }
}

const isOver = ({ status }: JobDetail) => status === 'SUCCEEDED' || status === 'FAILED';

/** Looks at the jobs until all are over, or time is up. */
async function followed(
  { batch, store, minutes, signal, now, sleep }: SmokeOptions,
  trials: readonly Trial[],
): Promise<Finding[]> {
  const until = now().getTime() + 60_000 * minutes;
  for (;;) {
    const jobs = await described(batch, trials);
    const waiting = trials.filter(({ jobId }) => !jobs.get(jobId) || !isOver(jobs.get(jobId)!));
    if (waiting.length === 0 || signal?.aborted || now().getTime() >= until) {
      const why = signal?.aborted ? 'nobody waits for it any longer' : `not over after ${minutes} minutes`;
      for (const { jobId } of waiting) await end(batch, jobId, why);
      return Promise.all(
        trials.map(async ({ check, state, jobId }) => ({
          check,
          ...(await answerOf(store, state, jobs.get(jobId), { now: now(), minutes })),
        })),
      );
    }
    await sleep(lookEveryMs);
  }
}

async function described(batch: SmokeOptions['batch'], trials: readonly Trial[]): Promise<Map<string, JobDetail>> {
  if (trials.length === 0) return new Map();
  const { jobs = [] } = await batch.send(new DescribeJobsCommand({ jobs: trials.map(({ jobId }) => jobId) }));
  return new Map(jobs.map((job) => [job.jobId!, job]));
}

/** What came of a job: how long it waited and ran, and what it cost at most. */
async function answerOf(
  store: ArtifactStore,
  state: PipelineState,
  job: JobDetail | undefined,
  { now, minutes }: { now: Date; minutes: number },
): Promise<Answer> {
  if (!job) return problem('AWS Batch does not know the job', 'Try again.');
  const { status, statusReason, createdAt, startedAt, stoppedAt, container } = job;
  const seconds = (from: number | undefined, to: number | undefined) =>
    from === undefined ? 0 : Math.round(((to ?? now.getTime()) - from) / 1000);
  const waited = `waited ${seconds(createdAt, startedAt)} s`;
  const ran = seconds(startedAt, stoppedAt) + (isOver(job) ? 0 : endingSeconds);
  const took = startedAt === undefined ? waited : `${waited}, ran ${ran} s, ${costOf(state, ran)}`;
  if (status === 'SUCCEEDED') {
    const result = await readResult(store, state);
    if (result && 'state' in result && result.state.epoch > 0) return ok(`a training step; ${took}`);
    return problem(`the job ended and left no trained epoch in the bucket; ${took}`, 'See its log in CloudWatch.');
  }
  const result = await readResult(store, state).catch(() => undefined);
  const why = [
    result && 'error' in result ? result.error.message : '',
    statusReason ?? '',
    container?.reason ?? '',
    container?.exitCode === undefined ? '' : `exit code ${container.exitCode}`,
  ].filter(Boolean);
  const said = why.join('; ') || 'no reason given';
  const [, known] = Object.entries(blockedReasons).find(([code]) => said.includes(code)) ?? [];
  const log = container?.logStreamName
    ? `See its log: ${container.logStreamName}.`
    : 'See the job in the console of AWS Batch.';
  if (status === 'FAILED') return problem(`the job failed: ${said}; ${took}`, known ?? log);
  return problem(
    `not over after ${minutes} minutes, ${status}: ${said}; ${took}`,
    known ?? 'Look at the queue in the console of AWS Batch.',
  );
}

function costOf({ compute: { price } }: PipelineState, ran: number): string {
  if (!price) return 'for a price that is not known';
  return `${((price.startSeconds + ran) * price.usdPerSecond).toFixed(4)} USD at most`;
}
