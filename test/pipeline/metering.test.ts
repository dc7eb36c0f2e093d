import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJson } from '../../shared/checkpoints/json.ts';
import { readHead, readHeadManifest, readManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { jobLaps } from '../../shared/cloud/meter.ts';
import { UserError } from '../../shared/core/errors.ts';
import { readMeterEntries } from '../../shared/costs/meter.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import type { PipelineState } from '../../shared/pipeline/messages.ts';
import { type FunctionUse, metered } from '../../shared/pipeline/metering.ts';
import { files, outcomeSchema, readProgress } from '../../shared/pipeline/records.ts';
import { readRunReport } from '../../shared/pipeline/run-report.ts';
import { runTask } from '../../shared/pipeline/tasks/index.ts';
import { noteJob } from '../../shared/pipeline/training-job.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { endingSeconds, isExported, type JobStory, prices, runMetered } from '../support/metered-run.ts';

/** Of the machine, in US dollars. */
const second = 0.224 / 3600;
const startSeconds = 60;
/** Of a call of a function besides its seconds, where its requests are not known. */
const around = prices.lambdaRequest + 10 * prices.s3Write + 50 * prices.s3Read + 2 * prices.stateTransition;
const gb = prices.lambdaGbSecond;
/** Kept for the end: Finalise, RecordFailure, and a call of it that is refused. */
const keptForEnd = (30 + 10 + 3) * gb + 3 * around;
/** Kept for functions and requests: four functions of ten seconds, a shard of thirty, and the end. */
const reserve = 70 * gb + 5 * around + keptForEnd + 25 * prices.s3Write + 60 * prices.s3Read;
/** Until the end of a function that has decided at once: a twentieth of the time that it may take. */
const decider = (usd: number) => (usd - keptForEnd - around) / 20 + around;
/** Of every task in these stories. */
const requests = 2 * prices.s3Write + 5 * prices.s3Read;
const aFunction = prices.lambdaRequest + 2 * prices.stateTransition + requests;
const quick: FunctionUse = { id: 'call', memoryGb: 2, seconds: () => 1, secondsLeft: 900, endAfter: () => undefined };
const oneEpochAJob = { compute: { epochsPerTask: 1 } };

describe('the meter', () => {
  it('has an entry of every task, and counts them in the commit of the epoch that they were for', async () => {
    const { store, entries, usd, events } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, training: { epochs: 2 } }),
      functionSeconds: [2],
    });
    const tasks = (epoch: number) => entries.filter((entry) => entry.epoch === epoch).map(({ task }) => task);
    const others = ['AnalyseShard', 'CollectEpoch', 'PlanAnalysis'];
    expect(tasks(0)).toEqual([...others, 'Prepare', 'SetRates', 'TrainEpoch']);
    expect(tasks(1)).toEqual(['AnalyseShard', 'Checkpoint', 'CollectEpoch', 'PlanAnalysis', 'SetRates', 'TrainEpoch']);
    expect(tasks(3)).toEqual(['Checkpoint', 'Finalise']);
    const ofFunction = 2 * prices.lambdaGbSecond + aFunction;
    const ofJob = (startSeconds + 100) * second + requests;
    expect(usd).toBeCloseTo(3 * ofJob + 17 * ofFunction, 12);
    expect(await readProgress(store, await readHeadManifest(store, run))).toMatchObject({
      usd: expect.closeTo(3 * ofJob + 15 * ofFunction, 12),
      dearestEpochUsd: expect.closeTo(ofJob + 5 * ofFunction, 12),
    });
    const told = events.flatMap((event) => (event.type === 'spend' ? [event.usd] : []));
    expect(told.reduce((sum, each) => sum + each, 0)).toBeCloseTo(usd, 12);
  });

  it('counts the start of a job once, and its epochs one by one', async () => {
    const { entries } = await runMetered({
      config: fakeConfig({ compute: { epochsPerTask: 9 }, training: { epochs: 3 } }),
    });
    const laps = entries.filter(({ task }) => task === 'TrainEpoch');
    expect(laps.map(({ epoch, seconds }) => [epoch, seconds])).toEqual([
      [0, 160],
      [1, 100],
      [2, 100],
      [3, 100],
      [4, 0],
    ]);
    expect(laps[0]).toMatchObject({ market: 'spot', resource: { kind: 'fargate', vcpus: 4, memoryGb: 16 } });
  });

  it('counts jobs that were cut off by their description, less what they noted themselves', async () => {
    const { entries, jobs } = await runMetered({
      config: fakeConfig({ compute: { epochsPerTask: 9 }, training: { epochs: 3 } }),
      jobs: [
        { end: 'cut off', after: 250 },
        { end: 'told to end', after: 150 },
      ],
    });
    const seconds = entries.flatMap((entry) => (entry.task === 'TrainEpoch' ? [entry.seconds] : []));
    expect(jobs.map(({ ran }) => ran)).toEqual([250, 150, 100]);
    expect(seconds.reduce((sum, each) => sum + each, 0)).toBeCloseTo(250 + 150 + 100 + 3 * startSeconds, 6);
  });

  it('tells the report what the run has cost, the tasks after the last commit included', async () => {
    const { store, usd, entries, events } = await runMetered({
      config: fakeConfig({ training: { epochs: 2 } }),
      functionSeconds: [5],
    });
    const { cost } = await readRunReport(store, run);
    expect(cost).toEqual({ basis: 'meter', usd: expect.closeTo(usd, 12) });
    const finished = events.find(({ type }) => type === 'finished') as { usd: number };
    expect(finished.usd).toBeGreaterThan(0.9 * usd);
    expect(finished.usd).toBeLessThan(usd);
    expect(entries.some(({ epoch }) => epoch === 3)).toBe(true);
  });

  it('has an entry of a function that is ended for want of time, and only one where it is not', async () => {
    const store = memoryStore();
    await requestRun(store, fakeConfig());
    const meter = { prices: async () => prices, functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }) };
    const ctx = { ...fakeContext(store, fakeWorkload()), meter };
    const use = { ...quick, seconds: () => 897, secondsLeft: 0 };
    let atTheEnd: unknown;
    await metered(ctx, { run, task: 'SetRates', message: {} }, use, async () => {
      while ((await readMeterEntries(store, run, 0)).length === 0) await setImmediate();
      atTheEnd = await readMeterEntries(store, run, 0);
    });
    expect(atTheEnd).toMatchObject([{ task: 'SetRates', seconds: 900, usd: expect.closeTo(1800 * 0.00002, 3) }]);
    expect(await readMeterEntries(store, run, 0)).toEqual(atTheEnd);
  });

  it('has an entry of a job that ends before its task does, of what it has not noted yet', async () => {
    const store = memoryStore();
    await requestRun(store, fakeConfig());
    let uptime = 0;
    const meter = {
      prices: async () => prices,
      functionGb: 1,
      takeRequests: () => ({ writes: 0, reads: 0 }),
      job: jobLaps('job', () => uptime),
    };
    const machine = { kind: 'fargate', vcpus: 4, memoryGb: 16 } as const;
    const computeFor = () => ({ queue: 'queue', definition: 'definition', machine });
    const ctx = { ...fakeContext(store, fakeWorkload()), meter, computeFor };
    const environment = { TEMPBALANCE_STATE: JSON.stringify(await runTask('Prepare', ctx, { run })) };
    for (uptime of [300, 420]) await noteJob(ctx, environment);
    expect((await readMeterEntries(store, run, 0)).map(({ seconds }) => seconds)).toEqual([300 + startSeconds, 120]);
  });

  it('counts a function that was cut off when it is called again, by the time since it began', async () => {
    const { bill, entries, store, usd, events } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, training: { epochs: 1 } }),
      functionSeconds: [40, 5],
      calls: ['killed'],
      parts: [0.5],
    });
    const prepared = entries.filter(({ task }) => task === 'Prepare');
    expect(prepared.map(({ seconds }) => seconds)).toEqual([20, 5]);
    expect(prepared[0]!.usd).toBeCloseTo(20 * gb + around, 12);
    expect(usd).toBeGreaterThanOrEqual(bill.reduce((sum, each) => sum + each.usd, 0));
    expect(await store.list(`${run}/meter/begun/`)).toEqual([]);
    const told = events.flatMap((event) => (event.type === 'spend' ? [event.usd] : []));
    expect(told.reduce((sum, each) => sum + each, 0)).toBeCloseTo(usd, 12);
  });

  it('takes the word of a function that was taken for cut off', async () => {
    const store = memoryStore();
    await requestRun(store, fakeConfig());
    const meter = { prices: async () => prices, functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }) };
    const ctx = { ...fakeContext(store, fakeWorkload()), meter };
    const called = { run, task: 'SetRates', message: {} } as const;
    await metered(ctx, called, { ...quick, id: 'slow', seconds: () => 70 }, () =>
      metered(ctx, called, quick, async () => undefined),
    );
    const entries = await readMeterEntries(store, run, 0);
    expect(entries.map(({ seconds }) => seconds)).toEqual([1, 70]);
    expect(await store.list(`${run}/meter/begun/`)).toEqual([]);
  });

  it('fails no task when it can not be written', async () => {
    const meter = { prices: async () => prices, functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }) };
    const events: ProgressEvent[] = [];
    const store = memoryStore();
    await requestRun(store, fakeConfig());
    const full = { ...store, putIfAbsent: () => Promise.reject(new Error('no room')) };
    const ctx = { ...fakeContext(full, fakeWorkload(), { events }), meter };
    expect(await metered(ctx, { run, task: 'SetRates', message: {} }, quick, async () => 'done')).toBe('done');
    expect(events).toEqual([{ type: 'warning', message: 'what the task used could not be noted: no room' }]);
  });

  it('notes nothing of a run that nobody asked for, and no failure either', async () => {
    const store = memoryStore();
    const meter = { prices: async () => prices, functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }) };
    const ctx = { ...fakeContext(store, fakeWorkload()), meter };
    const prepared = metered(ctx, { run, task: 'Prepare', message: { run } }, quick, () =>
      runTask('Prepare', ctx, { run }),
    );
    await expect(prepared).rejects.toThrow();
    const failure = { run, error: { Error: 'RunError', Cause: 'there is no such run' } };
    await metered(ctx, { run, task: 'RecordFailure', message: failure }, { ...quick, id: 'next' }, () =>
      runTask('RecordFailure', ctx, failure),
    );
    expect(await store.list('')).toEqual([]);
  });

  it('has entries without a price where the region has none and no budget needs one', async () => {
    const meter = {
      functionGb: 1,
      takeRequests: () => ({ writes: 0, reads: 0 }),
      prices: () => Promise.reject(new UserError('there are no prices of xx-1')),
    };
    const config = fakeConfig({ training: { epochs: 1 } });
    const { execution, store, entries, events } = await runMetered({ config, context: { meter } }).catch(
      (error) => error,
    );
    expect(execution).toEqual({ status: 'done' });
    expect(entries.every(({ usd }: { usd: number | null }) => usd === null)).toBe(true);
    expect(await readProgress(store, await readHeadManifest(store, run))).not.toHaveProperty('usd');
    expect(events).toContainEqual({
      type: 'warning',
      message: 'what the run costs is not known: there are no prices of xx-1',
    });
    const priced = await runMetered({ config: fakeConfig({ budget: { usd: 1 } }), context: { meter } });
    expect(priced.execution).toMatchObject({ status: 'failed', error: { name: 'UserError' } });
  });
});

describe('a budget in dollars', () => {
  it('caps each job at what is left of it, less its start, its end and what is kept for functions', async () => {
    const { jobs, usd, execution } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, training: { epochs: 2 }, budget: { usd: 0.1 } }),
      functionSeconds: [0],
    });
    expect(execution).toEqual({ status: 'done' });
    expect(jobs[0]!.limit).toBe(Math.floor((0.1 - decider(0.1) - reserve) / second - startSeconds - 40));
    const spent = (startSeconds + 100) * second + requests + 5 * aFunction;
    const left = 0.1 - spent;
    expect(jobs[1]!.limit).toBe(Math.floor((left - decider(left) - reserve) / second - startSeconds - 40));
    expect(usd).toBeLessThan(0.1);
  });

  it('stops the run before an epoch as dear as the dearest would exceed it', async () => {
    const budget = 0.04;
    const { store, usd } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, training: { epochs: 50 }, budget: { usd: budget } }),
      functionSeconds: [0],
    });
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({
      outcome: 'budget',
      reason: 'the next epoch would exceed the budget of 0.04 USD',
    });
    expect((await readHead(store, run))!.epoch).toBe(2);
    expect(usd).toBeLessThanOrEqual(budget);
  });

  it('ends a run whose job hangs at what is left, with its best model', async () => {
    const { store, usd, jobs } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, budget: { usd: 0.5 } }),
      jobs: [
        { end: 'done', after: 0 },
        { end: 'hangs', after: 0 },
      ],
    });
    expect(jobs).toHaveLength(2);
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({ outcome: 'budget' });
    expect(await isExported(store)).toBe(true);
    expect(usd).toBeGreaterThan(0.475);
    expect(usd).toBeLessThanOrEqual(0.5);
  });

  it('that does not pay for epoch 0 is refused, with what it would take', async () => {
    const { execution, entries } = await runMetered({ config: fakeConfig({ budget: { usd: 0.005 } }) });
    expect(execution).toMatchObject({
      status: 'failed',
      error: {
        name: 'UserError',
        message: expect.stringMatching(
          /^budget\.usd: a budget of 0\.005 USD does not pay for evaluating the model even once .*\n {2}It needs more than 0\.013\d USD: .*Fargate, 4 vCPUs, 16 GB at 0\.224 USD an hour/,
        ),
      },
    });
    expect(entries.map(({ task }) => task)).not.toContain('TrainEpoch');
  });

  it('ends a function that hangs when it has used what is left but for the end, and the run with its best model', async () => {
    const { execution, store, usd, entries } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, budget: { usd: 0.03 } }),
      functionSeconds: [2],
      calls: [...Array(7).fill('done'), 'hangs'],
      parts: [0],
    });
    expect(execution).toEqual({ status: 'done' });
    const plans = entries.filter(({ task }) => task === 'PlanAnalysis');
    expect(plans.map(({ seconds }) => seconds)).toEqual([2, expect.any(Number), 1]);
    expect(plans[1]!.seconds).toBeLessThan(900);
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({
      outcome: 'budget',
      reason: expect.stringMatching(
        /^budget\.usd: the budget of 0\.03 USD is used up: PlanAnalysis can't be paid for: 0\.0\d+ USD are spent \(since the last commit: .*PlanAnalysis 0\.0/,
      ),
    });
    expect((await readHead(store, run))!.epoch).toBe(0);
    expect(await isExported(store)).toBe(true);
    expect(usd).toBeLessThanOrEqual(0.03);
  });

  it('that functions use up before there is a model fails the run, and says what it needs', async () => {
    const { execution, store, usd } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, budget: { usd: 0.03 } }),
      functionSeconds: [2],
      calls: ['done', 'hangs'],
    });
    expect(execution.status).toBe('failed');
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(
        /^budget\.usd: a budget of 0\.03 USD does not pay for evaluating the model even once \(Checkpoint can't be paid for: 0\.0286 USD are spent \(AnalyseShard .*, CollectEpoch 0\.0182 USD.*\n {2}It needs more than 0\.0\d+ USD/,
      ),
    });
    expect(usd).toBeLessThanOrEqual(0.03);
  });

  it('gives each shard of an analysis an equal part, and what its tries have used counts for it alone', async () => {
    const store = memoryStore();
    await requestRun(store, fakeConfig({ budget: { usd: 0.1 } }));
    const meter = { prices: async () => prices, functionGb: 1, takeRequests: () => ({ writes: 0, reads: 0 }) };
    const ctx = { ...fakeContext(store, fakeWorkload()), meter };
    const { compute } = (await runTask('Prepare', ctx, { run })) as PipelineState;
    const usdOf = (limit: number) => limit * gb + around;
    const limits: (number | undefined)[] = [];
    const analyse = (shard: number, id: string, seconds: number) =>
      metered(
        ctx,
        { run, task: 'AnalyseShard', message: { run, epoch: 0, attempt: 'p.0', shard, shards: 4, compute } },
        { ...quick, id, memoryGb: 1, seconds: () => seconds, endAfter: (limit) => limits.push(limit) },
        async () => undefined,
      );
    await Promise.all([analyse(0, 'a', 100), analyse(1, 'b', 200)]);
    await analyse(1, 'c', 0);
    const allowed = limits.filter((limit) => limit !== undefined && limit !== 60).map((limit) => usdOf(limit!));
    const part = (0.1 - keptForEnd) / 4;
    const used = 200 * gb + prices.lambdaRequest + 2 * prices.stateTransition;
    expect(allowed).toEqual([part, part, part - used].map((usd) => expect.closeTo(usd, 9)));
  });

  it('leaves RecordFailure half a minute where it is not known what the last job used', async () => {
    const { bill, usd } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, budget: { usd: 0.1 } }),
      functionSeconds: [2],
      jobs: [{ end: 'hangs', after: 0 }],
      calls: ['done', ...Array(9).fill('throttled'), 'hangs', 'hangs', 'hangs'],
    });
    const failures = bill.filter(({ task }) => task === 'RecordFailure');
    expect(failures).toHaveLength(3);
    for (const failure of failures) expect(failure.usd).toBeLessThan(31 * gb + around);
    expect(usd).toBeLessThan(0.1);
    expect(bill.reduce((sum, each) => sum + each.usd, 0)).toBeLessThanOrEqual(0.1);
  });

  it('counts what failed executions have used', async () => {
    const store = memoryStore();
    const config = fakeConfig({ ...oneEpochAJob, training: { epochs: 1 }, budget: { usd: 0.2 } });
    const jobs = Array.from({ length: 6 }, () => ({ end: 'cut off', after: 50 }) as const);
    const first = await runMetered({ config, jobs }, store);
    expect(first.execution.status).toBe('failed');
    expect(first.usd).toBeGreaterThan(6 * (startSeconds + 50) * second);
    const again = await runMetered({ config }, store);
    expect(again.jobs[0]!.limit).toBeLessThanOrEqual(
      Math.floor((0.2 - first.usd - reserve) / second - startSeconds - 40),
    );
    expect(again.usd).toBeLessThanOrEqual(0.2);
  });

  it('counts what went into epochs that a recovery gave up, from its first commit on', async () => {
    const store = memoryStore();
    const settings = (epochs: number) =>
      fakeConfig({ ...oneEpochAJob, training: { epochs }, output: { keep: 9 }, budget: { usd: 0.1 } });
    const first = await runMetered({ config: settings(5) }, store);
    expect(first.execution.status).toBe('done');
    for (let epoch = 2; epoch <= 5; epoch++) {
      const { attempt } = (await readManifest(store, run, epoch))!;
      await store.put(runKeys.artifact(run, epoch, attempt, files.model), Uint8Array.of(0));
    }
    const jobs = [
      { end: 'done', after: 0 },
      { end: 'hangs', after: 0 },
    ] as const;
    const again = await runMetered({ config: settings(9), jobs }, store);
    expect((await readHead(store, run))!.epoch).toBe(2);
    expect(again.execution.status).toBe('done');
    expect(again.usd).toBeLessThanOrEqual(0.1);
  });

  it('is exceeded by no sequence of long epochs, lost machines and hangs, and a model is left once there was one', async () => {
    const job = fc.record<JobStory>({
      end: fc.constantFrom('done', 'done', 'told to end', 'cut off', 'hangs'),
      after: fc.integer({ min: 1, max: 4000 }),
    });
    /** An epoch is given up after some tries, so that not all jobs may fail. */
    const bearable = (jobs: readonly JobStory[]) =>
      jobs.map((each, index) =>
        index % 3 === 2 && each.end !== 'hangs' ? ({ end: 'done', after: 0 } as const) : each,
      );
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.005, max: 0.4, noNaN: true }),
        fc.array(job, { maxLength: 12 }).map(bearable),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom<number | 'auto'>(1, 3, 'auto'),
        async (usd, jobs, epochSeconds, functionSeconds, epochsPerTask) => {
          const config = fakeConfig({ training: { epochs: 6 }, compute: { epochsPerTask }, budget: { usd } });
          const story = await runMetered({ config, jobs, epochSeconds, functionSeconds });
          const { execution, store } = story;
          expect(story.usd).toBeLessThanOrEqual(usd);
          for (const { limit, ran } of story.jobs) expect(ran).toBeLessThanOrEqual(limit + endingSeconds);
          const used = story.jobs.reduce((sum, { ran }) => sum + (startSeconds + ran) * second, 0);
          expect(story.usd).toBeGreaterThanOrEqual(used - 1e-9);
          const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
          if (await readHead(store, run)) {
            expect(execution).toEqual({ status: 'done' });
            expect(['budget', 'completed']).toContain(outcome?.outcome);
            expect(await isExported(store)).toBe(true);
          } else {
            expect(outcome?.error?.name).toBe('UserError');
            expect(outcome?.reason).toMatch(/does not pay for evaluating the model even once/);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a budget of hours', () => {
  it('that is used up starts no other job: the run ends with its best model', async () => {
    const { store, jobs, execution } = await runMetered({
      config: fakeConfig({ ...oneEpochAJob, budget: { hours: 0.2, usd: 5 } }),
      jobs: [
        { end: 'done', after: 0 },
        { end: 'cut off', after: 445 },
      ],
      epochSeconds: [100, 3000],
      functionSeconds: [30],
    });
    expect(execution).toEqual({ status: 'done' });
    expect(jobs).toHaveLength(2);
    expect(await readJson(store, runKeys.outcome(run), outcomeSchema)).toMatchObject({ outcome: 'budget' });
    expect(await isExported(store)).toBe(true);
  });

  it('that is too small for evaluating the model is told as such, whatever the dollars', async () => {
    const config = fakeConfig({ budget: { hours: 0.1, usd: 5 } });
    const { store } = await runMetered({ config, epochSeconds: [3000] });
    const { error, reason } = (await readJson(store, runKeys.outcome(run), outcomeSchema))!;
    expect(error?.name).toBe('UserError');
    expect(reason).toMatch(
      /^budget\.hours: 0\.1 h do not suffice for evaluating the model even once \(training job .*exceeded.*\)\n {2}Raise/,
    );
  });
});
