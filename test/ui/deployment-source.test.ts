import { type ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { comparisonKeys } from '../../shared/checkpoints/comparison-keys.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { Cloud } from '../../shared/cloud/open-cloud.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { deploymentSource } from '../../shared/ui/deployment-source.ts';
import { comparisonPage, runPage } from '../../shared/ui/pages.ts';
import { fakeSettings } from '../support/fake-comparison.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { fakeWorkload } from '../support/fake-workload.ts';

/** Clients that answer from a store, and say which runs an execution is at. */
function cloudOver(store: ArtifactStore, active: Set<string>): Cloud {
  const s3 = new S3Client({ region: 'eu-central-1' });
  const sfn = new SFNClient({ region: 'eu-central-1' });
  s3.send = (async ({ input }: ListObjectsV2Command) => {
    const folder = input.Prefix!;
    const names = new Set((await store.list(folder)).map((key) => key.slice(folder.length).split('/')[0]!));
    return { CommonPrefixes: [...names].map((name) => ({ Prefix: `${folder}${name}/` })) };
  }) as never;
  sfn.send = (async (command: unknown) => {
    if (command instanceof ListExecutionsCommand)
      return { executions: [...active].map((each) => ({ executionArn: each, name: each })) };
    if (command instanceof DescribeExecutionCommand) {
      const { executionArn } = command.input;
      const at = [...active].find((each) => executionArn === each);
      return {
        executionArn,
        name: executionArn,
        status: at ? 'RUNNING' : 'SUCCEEDED',
        input: JSON.stringify({ run: at ?? '-' }),
      };
    }
    throw new Error('is not asked for');
  }) as never;
  const place = {
    stack: 'tempbalance',
    region: 'eu-central-1',
    status: 'CREATE_COMPLETE',
    bucket: 'b',
    launch: '',
    topic: '',
  };
  const machines = {
    stateMachine: 'arn:aws:states:x:1:stateMachine:run',
    compareStateMachine: 'arn:aws:states:x:1:stateMachine:compare',
  };
  return { ...place, ...machines, s3, sfn, store } as Cloud;
}

it("lists a deployment's runs and comparisons, and reads a run that has ended once", async () => {
  const store = memoryStore();
  const gets: string[] = [];
  const counted: ArtifactStore = {
    ...store,
    get: (key) => {
      gets.push(key);
      return store.get(key);
    },
  };
  await requestRun(store, fakeConfig({ training: { epochs: 2, seed: 8 } }));
  await runPipeline(run, fakeContext(store, fakeWorkload()), () => true, { retryDelay: 0 });
  const comparison = 'comparisons/fake';
  const settings = await fakeSettings({ seeds: { tuning: [101], test: [1, 2] } });
  const request = { version: 1, settings, data: {}, rows: { training: 3, test: 2 }, executions: 1 };
  await store.put(comparisonKeys.request(comparison), encodeJson(request));
  const active = new Set([run]);
  const source = deploymentSource(cloudOver(counted, active));
  expect(source.label).toBe('tempbalance (s3://b)');
  const listing = await source.list();
  expect(listing.runs).toMatchObject([{ id: run, state: 'running', epoch: 0, seed: 8 }]);
  expect(listing.comparisons).toMatchObject([{ id: comparison, state: 'stopped', done: 0 }]);
  expect((await runPage(counted, run)).epochs).toHaveLength(1);
  expect((await comparisonPage(counted, comparison)).arms.map(({ name }) => name)).toEqual(['plain', 'balanced']);

  await runPipeline(run, fakeContext(store, fakeWorkload(), { process: 'q' }), undefined, { retryDelay: 0 });
  active.clear();
  expect((await source.list()).runs).toMatchObject([{ state: 'completed', epoch: 2 }]);
  gets.length = 0;
  expect((await source.list()).runs).toMatchObject([{ state: 'completed', epoch: 2 }]);
  expect(gets).not.toContain(runKeys.head(run));
});
