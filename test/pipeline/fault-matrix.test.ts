/** Every task of the workflow, disturbed in every way: the run ends as the undisturbed one does, to the bit. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { loadRunFile } from '../../shared/config/parse-run-file.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { UserError } from '../../shared/core/errors.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { TaskContext } from '../../shared/pipeline/context.ts';
import type { TaskName } from '../../shared/pipeline/messages.ts';
import { type Fault, faultsOfFunctions, faultsOfJobs, runDisturbed } from '../support/disturbed-run.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';
import { parsedJson, resultOf, withCommits } from '../support/run-result.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const epochs = 2;
const shards = 3;
const { dataset } = fakeConfig();
const config = fakeConfig({
  training: { epochs },
  dataset: { ...dataset, test: { last: 2 } },
  compute: { epochsPerTask: 1 },
});

const functions: readonly TaskName[] = [
  'Prepare',
  'CollectEpoch',
  'PlanAnalysis',
  'AnalyseShard',
  'SetRates',
  'Checkpoint',
  'Finalise',
];

const worldOf = (store: ArtifactStore, process = 'p'): TaskContext => ({
  ...fakeContext(store, fakeWorkload(), { process }),
  shardsFor: () => shards,
});

async function requestedStore(asked: RunConfig = config) {
  const store = memoryStore();
  await requestRun(store, asked);
  return { store, ...withCommits(store, run) };
}

/** Without small files that nobody reads: of attempts that no manifest names, and what a job left for an execution that has left the run. */
const withoutLeftovers = ({ keys, ...result }: Awaited<ReturnType<typeof resultOf>>) => ({
  ...result,
  keys: [...new Set(keys)].filter((key) => !key.startsWith(`${run}/results/`)),
});

let expected: ReturnType<typeof withoutLeftovers>;
const everyEpoch = Array.from({ length: epochs + 1 }, (_, epoch) => epoch);
beforeAll(async () => {
  const { store, watched, commits } = await requestedStore();
  expect(await runDisturbed(worldOf(watched), {})).toEqual({ status: 'done' });
  expect(commits).toEqual(everyEpoch);
  expected = withoutLeftovers(await resultOf(store, run, epochs));
  expect(expected.outcome).toEqual({ outcome: 'completed', reason: `all ${epochs} epochs are trained` });
});

const cells = [
  ...functions.flatMap((task) =>
    faultsOfFunctions.map((fault): [TaskName, string, Fault] => [task, fault.what, fault]),
  ),
  ...faultsOfJobs.map((fault): [TaskName, string, Fault] => ['TrainEpoch', fault.what, fault]),
];

describe('a run ends with the same bits, one commit for each epoch, and the same decision, with every call of', () => {
  it.each(cells)('%s %s', async (task, _, fault) => {
    const { store, watched, commits } = await requestedStore();
    expect(await runDisturbed(worldOf(watched), { [task]: [fault] })).toEqual({ status: 'done' });
    expect(commits).toEqual(everyEpoch);
    expect(withoutLeftovers(await resultOf(store, run, epochs))).toEqual(expected);
  });

  it('all tasks disturbed, each in another way, over and over', async () => {
    const passing = faultsOfFunctions.filter(({ times = 1 }) => times === 1);
    for (const shift of faultsOfFunctions.keys()) {
      const { store, watched, commits } = await requestedStore();
      const faults = Object.fromEntries([
        ...functions.map((task, index) => [task, [passing[(index + shift) % passing.length]!]]),
        ['TrainEpoch', [faultsOfJobs[shift % faultsOfJobs.length]!]],
      ]);
      expect(await runDisturbed(worldOf(watched), faults), `shift ${shift}`).toEqual({ status: 'done' });
      expect(commits, `shift ${shift}`).toEqual(everyEpoch);
      expect(withoutLeftovers(await resultOf(store, run, epochs)), `shift ${shift}`).toEqual(expected);
    }
  });
});

describe('a run that fails has the same failure on record, its commits intact, when RecordFailure is', () => {
  const failing = async (faults: Parameters<typeof runDisturbed>[1]) => {
    const { store, watched, commits } = await requestedStore();
    const onTrain = (epoch: number) => {
      if (epoch === 2) throw new UserError('the data are too few', { remedy: 'Give more.' });
    };
    const ctx = { ...fakeContext(watched, fakeWorkload({ onTrain })), shardsFor: () => shards };
    expect(await runDisturbed(ctx, faults)).toMatchObject({ status: 'failed', error: { name: 'UserError' } });
    expect(commits).toEqual([0, 1]);
    const { at: _, ...outcome } = parsedJson((await store.get(`${run}/outcome.json`))!.bytes);
    return outcome;
  };
  it.each(faultsOfFunctions.map((fault): [string, Fault] => [fault.what, fault]))('%s', async (_, fault) => {
    const undisturbed = await failing({});
    expect(undisturbed).toMatchObject({ outcome: 'failed', error: { name: 'UserError' } });
    expect(await failing({ RecordFailure: [fault] })).toEqual(undisturbed);
  });
});

describe('two executions of a run end with the same bits and one commit for each epoch, when the second begins', () => {
  const moments = [...functions, 'TrainEpoch' as const].flatMap((task) =>
    (['before', 'after'] as const).map((moment): ['before' | 'after', TaskName] => [moment, task]),
  );
  it.each(moments)('%s %s', async (moment, task) => {
    const { store, watched, commits } = await requestedStore();
    let rival: ReturnType<typeof runPipeline> | undefined;
    const fault: Fault = {
      what: 'overtaken',
      async disturb({ work }) {
        const go = () => {
          rival ??= runPipeline(run, worldOf(watched, 'rival'), undefined, { retryDelay: 0 });
          return rival;
        };
        if (moment === 'before') await go();
        const reply = await work();
        await go();
        return reply;
      },
    };
    const late = await runDisturbed(worldOf(watched, 'late'), { [task]: [fault] });
    const statuses = [late.status, (await rival!).status];
    expect(statuses).toContain('done');
    for (const status of statuses) expect(['done', 'takenOver']).toContain(status);
    expect(commits).toEqual(everyEpoch);
    expect(withoutLeftovers(await resultOf(store, run, epochs))).toEqual(expected);
  });
});

describe('a trained model of fields', () => {
  it('has the same bits after a run in which every task was disturbed', { timeout: 60_000 }, async () => {
    const folder = await temporaryFolder();
    const asked = await loadRunFile(await writeRunFile(folder, { training: { engine: 'onnx', epochs } }));
    const { close, ...outside } = localContext(memoryStore(), () => undefined);
    const trained = async (faults: Parameters<typeof runDisturbed>[1]) => {
      const { store, watched, commits } = await requestedStore(asked);
      const ctx = { ...outside, store: watched, shardsFor: () => shards };
      expect(await runDisturbed(ctx, faults)).toEqual({ status: 'done' });
      expect(commits).toEqual(everyEpoch);
      return withoutLeftovers(await resultOf(store, run, epochs));
    };
    const undisturbed = await trained({});
    const byName = (name: string) => faultsOfFunctions.find(({ what }) => what === name)!;
    const ofFunctions = [byName('killed after its work'), byName('throttled five times')];
    const disturbed = await trained({
      ...Object.fromEntries(functions.map((task) => [task, ofFunctions])),
      TrainEpoch: faultsOfJobs.slice(1, 3),
    });
    expect(disturbed).toEqual(undisturbed);
    await close();
  });
});
