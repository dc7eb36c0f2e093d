import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { comparisonKeys } from '../../shared/checkpoints/comparison-keys.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { compare, resumeComparison } from '../../shared/cloud/compare.ts';
import { compareMachine, findTarget } from '../../shared/cloud/comparisons.ts';
import { fetchComparison } from '../../shared/cloud/fetch-comparison.ts';
import { openCloud } from '../../shared/cloud/open-cloud.ts';
import { watchComparison } from '../../shared/cloud/watch-comparison.ts';
import type { ComparisonEvent } from '../../shared/pipeline/comparison/context.ts';
import { startDeployment } from '../support/deployment.ts';
import { beginFake, comparison, doFake, fakeSettings } from '../support/fake-comparison.ts';
import { smallRun, temporaryFolder } from '../support/small-run.ts';
import { createStack } from '../support/stack.ts';

const deployment = await startDeployment();
if (deployment) await createStack(deployment);

const small = { rates: [0.001, 0.003, 0.01], seeds: { tuning: [101], test: [1, 2] } };

describe.skipIf(!deployment)('a deployed comparison', () => {
  it('is watched: every round and every run that finishes, and the end', { timeout: 60_000 }, async () => {
    const store = memoryStore();
    const cloud = { ...(await openCloud({ stack: 'tempbalance' })), store };
    await beginFake(store, await fakeSettings(small));
    const { executionArn } = await cloud.sfn.send(
      new StartExecutionCommand({ stateMachineArn: compareMachine(cloud), name: comparison, input: '{}' }),
    );
    const events: ComparisonEvent[] = [];
    let done: Promise<string[]> | undefined;
    const compare = async () => {
      const { trained } = await doFake(store);
      await cloud.sfn.send(new StopExecutionCommand({ executionArn }));
      return trained;
    };
    const watching = watchComparison(cloud, comparison, async () => {
      done ??= compare();
      await sleep(10);
    });
    let next = await watching.next();
    for (; !next.done; next = await watching.next()) events.push(next.value);
    const trained = (await done) ?? [];
    const runs = events.flatMap((event) => (event.type === 'run' ? [event.result.run] : []));
    expect(runs.toSorted()).toEqual(trained.toSorted());
    expect(events.flatMap((event) => (event.type === 'round' ? [event.round] : []))).toEqual(['tuning', 'test']);
    expect(events.at(-1)).toMatchObject({ type: 'judged' });
    expect(next.value).toMatchObject({ execution: { name: comparison }, outcome: { outcome: 'judged' } });
  });

  it('is not watched where it has no execution', async () => {
    const store = memoryStore();
    const cloud = { ...(await openCloud({ stack: 'tempbalance' })), store };
    await beginFake(store, await fakeSettings({ ...small, name: 'unstarted' }));
    const watching = watchComparison(cloud, comparison, async () => undefined);
    await expect(
      (async () => {
        for (let next = await watching.next(); !next.done; ) next = await watching.next();
      })(),
    ).rejects.toThrow('has no execution');
  });

  it('takes the next free name of an execution where it was begun anew', async () => {
    const cloud = await openCloud({ stack: 'tempbalance' });
    const prefix = 'comparisons/anew';
    const used = ['anew', 'anew-2'].map((name, index) => ({ name, input: JSON.stringify({ before: index }) }));
    for (const execution of used) {
      await cloud.sfn.send(new StartExecutionCommand({ stateMachineArn: compareMachine(cloud), ...execution }));
      const executionArn = `${compareMachine(cloud).replace(':stateMachine:', ':execution:')}:${execution.name}`;
      await cloud.sfn.send(new StopExecutionCommand({ executionArn }));
    }
    const settings = await fakeSettings({ ...small, name: 'anew' });
    const request = { version: 1, settings, data: {}, rows: { training: 3, test: 2 }, executions: 1 };
    await cloud.store.put(comparisonKeys.request(prefix), encodeJson(request));
    expect(await resumeComparison(cloud, prefix)).toMatchObject({ execution: 'anew-3', number: 3 });
    await expect(resumeComparison(cloud, prefix)).rejects.toThrow('anew: is running');
  });

  it('is begun once by two who start it at the same time', { timeout: 60_000 }, async () => {
    const cloud = await openCloud({ stack: 'tempbalance' });
    const { output: _, ...run } = smallRun;
    const file = join(await temporaryFolder(), 'at-once.yaml');
    const arms = { plain: { balance: 'off' }, balanced: { 'balance.minEigenvalues': 4 } };
    await writeFile(file, stringify({ run, test: { last: 4 }, arms, seeds: { test: [1] } }));
    const start = () => compare(cloud, { file, overrides: [] }, { uploaded: () => undefined, warn: () => undefined });
    const ends = await Promise.allSettled([start(), start()]);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refused = ends.find((end) => end.status === 'rejected');
    expect(refused?.reason.message).toMatch(/at-once: (is running|was begun by somebody else at the same time)/);
    await expect(start()).rejects.toThrow('at-once: is running');
  });

  it('is meant by its name, unless a run has it; comparisons/<name> means it in any case', async () => {
    const cloud = await openCloud({ stack: 'tempbalance' });
    await cloud.store.put(comparisonKeys.request('comparisons/both'), encodeJson({}));
    await cloud.store.put(comparisonKeys.request('comparisons/only'), encodeJson({}));
    expect(await findTarget(cloud, 'both')).toEqual({ kind: 'comparison', comparison: 'comparisons/both' });
    await cloud.store.put(runKeys.request('runs/both'), encodeJson({}));
    expect(await findTarget(cloud, 'both')).toEqual({ kind: 'run', run: 'runs/both', hidden: true });
    expect(await findTarget(cloud, 'comparisons/both/')).toEqual({
      kind: 'comparison',
      comparison: 'comparisons/both',
    });
    expect(await findTarget(cloud, 'only')).toEqual({ kind: 'comparison', comparison: 'comparisons/only' });
    await expect(findTarget(cloud, 'onyl')).rejects.toThrow('only');
  });

  it('needs a deployment that makes comparisons', () => {
    expect(() => compareMachine({ compareStateMachine: undefined, stack: 'old' })).toThrow(
      /^old: was deployed by a version that makes no comparisons/,
    );
  });
});

describe('a comparison that is fetched', () => {
  it('brings results and models that are kept, and never takes the place of another of its name', async () => {
    const [there, here] = [memoryStore(), memoryStore()];
    await beginFake(there, await fakeSettings({ ...small, keep: 'models' }));
    const fetching = () => fetchComparison({ store: there }, comparison, { local: here, all: false });
    await expect(fetching()).rejects.toThrow('has no results yet');
    await doFake(there);
    const files = await fetching();
    expect(files).toContain('result.json');
    expect(files.filter((file) => file.startsWith('results/'))).toHaveLength(10);
    expect(files.filter((file) => file.endsWith('/model/model.safetensors'))).toHaveLength(10);
    expect(files.some((file) => file.includes('/epochs/'))).toBe(false);
    const result = (await here.get(comparisonKeys.judged(comparison)))!.bytes;
    expect(result).toEqual((await there.get(comparisonKeys.judged(comparison)))!.bytes);

    await beginFake(
      there,
      await fakeSettings({ ...small, arms: { plain: { balance: 'off' }, balanced: { 'balance.every': 2 } } }),
    );
    await expect(fetching()).rejects.toThrow('was begun with other settings or data');
    expect((await here.get(comparisonKeys.judged(comparison)))!.bytes).toEqual(result);
  });
});
