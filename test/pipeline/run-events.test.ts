import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { decodeJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { UserError } from '../../shared/core/errors.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import { type RunEvent, runEventJsonSchema, runEventSchema } from '../../shared/pipeline/run-events.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from '../support/fake-workload.ts';
import { runMetered } from '../support/metered-run.ts';

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

let executions = 0;

async function execute(
  config: RunConfig,
  { context, behaviour }: { context?: Partial<TaskContext>; behaviour?: FakeBehaviour } = {},
): Promise<ProgressEvent[]> {
  await requestRun(store, config);
  const events: ProgressEvent[] = [];
  const fake = fakeContext(store, fakeWorkload(behaviour), { process: `p${executions++}`, events });
  await runPipeline(run, { ...fake, service: 'team-a', ...context }, undefined, { retryDelay: 0 });
  return events;
}

/** The events that are noted, by their names. */
async function noted(of = store): Promise<Record<string, RunEvent>> {
  const keys = await of.list(`${run}/events/`);
  const read = async (key: string) => {
    const bytes = (await of.get(key))!.bytes;
    return [key.slice(`${run}/events/`.length, -'.json'.length), decodeJson(key, bytes, runEventSchema)] as const;
  };
  return Object.fromEntries(await Promise.all(keys.map(read)));
}

describe('of a run other systems are told', () => {
  it('that it has started, every epoch with its metrics and alphas, and its end', async () => {
    await execute(fakeConfig({ training: { epochs: 2 } }));
    const events = await noted();
    expect(Object.keys(events)).toEqual(['completed-0002', 'epoch-0000', 'epoch-0001', 'epoch-0002', 'started-0000']);
    expect(events['started-0000']).toMatchObject({ service: 'team-a', run, epochs: 2, resumed: false, profile: null });
    expect(events['epoch-0002']).toMatchObject({
      epoch: 2,
      epochs: 2,
      metric: 'nRMSE',
      metrics: { nRMSE: expect.any(Number) },
      trainLoss: expect.any(Number),
      alphas: { mean: expect.any(Number), std: expect.any(Number), layers: expect.any(Number) },
      epochSeconds: expect.any(Number),
      usd: null,
    });
    expect(events['completed-0002']).toMatchObject({
      outcome: 'completed',
      reason: 'all 2 epochs are trained',
      best: { epoch: expect.any(Number), value: expect.any(Number) },
      model: `memory/${run}/model/`,
      report: `memory/${run}/report.html`,
    });
    const ids = Object.values(events).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^evt_[0-9a-f]{32}$/);
  });

  it('nothing on a machine of one’s own', async () => {
    await execute(fakeConfig(), { context: { service: undefined } });
    expect(await noted()).toEqual({});
  });

  it('once of each epoch, however often a task is done', async () => {
    const config = fakeConfig({ training: { epochs: 1 } });
    await requestRun(store, config);
    const ctx = { ...fakeContext(store, fakeWorkload()), service: 'team-a' };
    const { runTask } = await import('../../shared/pipeline/tasks/index.ts');
    const perform = async (name: Parameters<typeof runTask>[0], message: unknown) => {
      const first = await runTask(name, ctx, message);
      if (name !== 'Checkpoint' && name !== 'Finalise') return first;
      const before = await noted();
      const again = await runTask(name, ctx, message);
      expect(await noted()).toEqual(before);
      return again;
    };
    expect(await runPipeline(run, ctx, undefined, { retryDelay: 0, perform })).toEqual({ status: 'done' });
    expect(Object.keys(await noted())).toHaveLength(4);
  });

  it('its failure with the reason, and again where it goes on and fails once more', async () => {
    const failing: Partial<TaskContext> = {
      async planWorkload() {
        throw new UserError('row 7 has no label', { where: 'texts.jsonl' });
      },
    };
    await execute(fakeConfig(), { context: failing });
    const { 'failed-0000': first } = await noted();
    expect(first).toMatchObject({ kind: 'failed', outcome: 'failed', epoch: 0, model: null });
    expect((first as { reason: string }).reason).toContain('row 7 has no label');
    await execute(fakeConfig());
    expect(Object.keys(await noted())).toContain('completed-0004');
    expect(Object.keys(await noted())).not.toContain('failed-0000');
    await execute(fakeConfig({ training: { epochs: 6 } }));
    expect(Object.keys(await noted()).filter((name) => name.startsWith('completed'))).toEqual(['completed-0006']);
    expect((await noted())['started-0005']).toMatchObject({ resumed: true, epochs: 6 });
  });

  it('of a run that diverged that it failed, and where its best model is', async () => {
    await execute(fakeConfig(), { behaviour: { diverges: (epoch) => epoch === 3 } });
    const failed = Object.entries(await noted()).find(([name]) => name.startsWith('failed-'))!;
    expect(failed[1]).toMatchObject({ outcome: 'diverged', model: `memory/${run}/model/` });
  });

  it('when most of its budget is used, and that it ended by it, with what it has cost', async () => {
    const { store: metered } = await runMetered({
      config: fakeConfig({ training: { epochs: 50 }, budget: { usd: 0.1 } }),
      context: { service: 'team-a' },
    });
    const events = await noted(metered);
    const names = Object.keys(events);
    expect(names.filter((name) => name.startsWith('budgetWarning'))).toEqual(['budgetWarning-usd-0.1']);
    const warning = events['budgetWarning-usd-0.1']! as Extract<RunEvent, { kind: 'budgetWarning' }>;
    expect(warning.used).toBeGreaterThanOrEqual(0.08);
    expect(warning.used).toBeLessThan(0.1);
    const end = events[names.find((name) => name.startsWith('budget-'))!]!;
    expect(end).toMatchObject({ kind: 'budget', outcome: 'budget', usd: expect.any(Number) });
    const costs = names.flatMap((name) => {
      const event = events[name]!;
      return event.kind === 'epoch' ? [event.usd!] : [];
    });
    expect(costs.every((usd) => usd > 0)).toBe(true);
    expect(costs).toEqual(costs.toSorted((a, b) => a - b));
  });

  it('nothing where the note can not be written: the run goes on, and says so', async () => {
    const broken: ArtifactStore = {
      ...store,
      putIfAbsent(key, bytes) {
        if (key.includes('/events/')) throw new Error('no bucket today');
        return store.putIfAbsent(key, bytes);
      },
    };
    await requestRun(store, fakeConfig({ training: { epochs: 1 } }));
    const events: ProgressEvent[] = [];
    const ctx = { ...fakeContext(broken, fakeWorkload(), { events }), service: 'team-a' };
    expect(await runPipeline(run, ctx)).toEqual({ status: 'done' });
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(warnings).toContain('the event "completed" of the run could not be noted: no bucket today');
  });
});

it('the schema names every kind, and describes what is not plain', () => {
  const { oneOf } = runEventJsonSchema() as unknown as { oneOf: { properties: { kind: { const: string } } }[] };
  expect(oneOf.map(({ properties }) => properties.kind.const)).toEqual([
    'started',
    'epoch',
    'budgetWarning',
    'completed',
    'budget',
    'failed',
  ]);
});
