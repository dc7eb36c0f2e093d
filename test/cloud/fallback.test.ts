import { readFile } from 'node:fs/promises';
import {
  CreateBucketCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { stringify } from 'yaml';
import { encodeJson, readJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { parseS3Uri } from '../../shared/checkpoints/s3-uri.ts';
import { executionsOf } from '../../shared/cloud/executions.ts';
import { handOver } from '../../shared/cloud/fallback.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runPipeline, workflowDefinition } from '../../shared/local/run-pipeline.ts';
import { outcomeSchema, readRequest } from '../../shared/pipeline/records.ts';
import { waitedInVain } from '../support/batch.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeSettings } from '../support/fake-comparison.ts';
import { fakeConfig } from '../support/fake-run.ts';
import { fixturePath } from '../support/fixtures.ts';
import { mebibyte } from '../support/s3.ts';
import { smallRun } from '../support/small-run.ts';
import { createStack, output } from '../support/stack.ts';

const deployment = await startDeployment();

describe.skipIf(!deployment)('a run without machines', () => {
  const deployed = deployment!;

  /** A deployment in another region, with nothing in it. */
  async function otherRegion(region: string) {
    const s3 = new S3Client({ region, forcePathStyle: true });
    const sfn = new SFNClient({ region });
    onTestFinished(() => void [s3, sfn].map((client) => client.destroy()));
    const bucket = `${region}-${deployed.bucket}`;
    const configuration = { LocationConstraint: region as 'eu-west-1' };
    await s3.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: configuration }));
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    const { stateMachineArn } = await sfn.send(
      new CreateStateMachineCommand({
        name: 'tempbalance',
        definition: JSON.stringify(workflowDefinition()),
        roleArn: 'arn:aws:iam::123456789012:role/workflow',
      }),
    );
    const there = { region, s3, sfn, bucket, stateMachine: stateMachineArn! };
    const executions = async () =>
      (await sfn.send(new ListExecutionsCommand({ stateMachineArn: there.stateMachine }))).executions!;
    return { there, store: s3Store({ client: s3, bucket }), executions };
  }

  it('goes on in another region, with its data, under its name, started once', async () => {
    const { there, store, executions } = await otherRegion('eu-west-1');
    const run = 'runs/waits';
    // Copied in three parts.
    const partBytes = 5 * mebibyte;
    const data = new Uint8Array(2 * partBytes + 7).map((_, index) => index % 251);
    const key = 'datasets/waits/data.hdf5';
    const noted = { 'tempbalance-sha256': 'abc' };
    const put = { Bucket: deployed.bucket, Key: key, Body: data, Metadata: noted };
    const { VersionId: version } = await deployed.s3.send(new PutObjectCommand(put));
    await deployed.upload(key, 'a newer version');
    const config = fakeConfig();
    const path = `s3://${deployed.bucket}/${key}?versionId=${version}`;
    const request = { version: 1, config: { ...config, dataset: { ...config.dataset, path } }, overrides: [] };
    await deployed.store.put(runKeys.request(run), encodeJson(request));
    const here = { s3: deployed.s3, store: deployed.store, run, execution: 'abc', seconds: 7, partBytes };
    const paths = new Set<unknown>();
    for (let tried = 0; tried < 2; tried++) {
      expect(await handOver(here, there, new Date('2026-11-30T10:00:00Z'))).toBe(
        `the run goes on in eu-west-1 (s3://${there.bucket}/runs/waits/): npx tempbalance cloud watch waits --region eu-west-1`,
      );
      paths.add((await readRequest(store, run)).config.dataset.path);
    }
    const { handedOver } = await readRequest(store, run);
    expect(handedOver).toEqual({ from: `s3://${deployed.bucket}/${run}`, at: '2026-11-30T10:00:00.000Z', seconds: 7 });
    const [moved, ...others] = paths;
    expect(others).toEqual([]);
    const { versionId, ...location } = parseS3Uri(moved as string);
    expect(location).toEqual({ bucket: there.bucket, key });
    const head = await there.s3.send(new HeadObjectCommand({ Bucket: there.bucket, Key: key, VersionId: versionId }));
    expect(head.Metadata).toMatchObject({ ...noted, 'tempbalance-start': 'uploader' });
    expect(head.ETag).toMatch(/-3"$/);
    expect(Buffer.from((await store.get(key))!.bytes).equals(data)).toBe(true);
    const started = await executions();
    expect(started.map(({ name }) => name)).toEqual([expect.stringMatching(/^waits-from-[0-9a-f]{12}$/)]);
    expect((await executionsOf(there, run)).map(({ name }) => name)).toEqual([started[0]!.name]);

    const back = { s3: there.s3, store, run, execution: 'def', seconds: 0 };
    await expect(handOver(back, deployed as never, new Date())).rejects.toThrow(
      `has been handed over once already, from s3://${deployed.bucket}/runs/waits`,
    );
  });

  it('is handed over by the deployed functions, to the stack that they find', async () => {
    const region = 'eu-central-1';
    const { there, store, executions } = await otherRegion(region);
    const Outputs = {
      ...Object.fromEntries(['Launch', 'Topic'].map((name) => [name, output(name)])),
      Bucket: output(there.bucket),
      StateMachine: output(there.stateMachine),
    };
    await createStack(deployed, { region, Outputs });
    vi.stubEnv('TEMPBALANCE_FALLBACK', JSON.stringify({ stack: 'tempbalance', region }));
    await deployed.upload('profiles/waves.yaml', stringify({ ...smallRun, output: {} }));
    await deployed.upload('datasets/waves/pde_1d.hdf5', await readFile(fixturePath('data', 'pde_1d.hdf5')));
    const { run } = (await deployed.invoke('launch', { profile: 'waves', name: 'one' })) as { run: string };
    const states: string[] = [];
    const context = localContext(deployed.store, (event) => void (event.type === 'state' && states.push(event.state)));
    const { perform } = deployed;
    const runJob = () => Promise.reject(waitedInVain());
    expect(await runPipeline(run, context, undefined, { perform, runJob, retryDelay: 0 })).toEqual({
      status: 'takenOver',
    });
    expect(states.slice(-3)).toEqual(['CollectEpoch', 'Trained?', 'Taken over']);
    expect(await readJson(deployed.store, runKeys.outcome(run), outcomeSchema)).toMatchObject({
      outcome: 'running',
      reason: expect.stringMatching(/^no machine was to be had: the run goes on in eu-central-1 \(s3:/),
    });
    expect((await readRequest(store, run)).config.dataset.path).toContain(`s3://${there.bucket}/datasets/waves/`);
    expect(await executions()).toHaveLength(1);
  });

  it('stays where it is part of a comparison, with the command that does all of it elsewhere', async () => {
    const settings = await fakeSettings();
    const request = {
      settings: { ...settings, source: 'fake.yaml', overrides: ['training.epochs=3', 'output.name=a b'] },
    };
    const rest = { version: 1, data: {}, rows: { training: 3, test: 2 }, executions: 1 };
    await deployed.store.put('comparisons/c/compare.json', encodeJson({ ...request, ...rest }));
    const run = 'comparisons/c/runs/a';
    const here = { s3: deployed.s3, store: deployed.store, run, execution: 'abc', seconds: 0 };
    await expect(handOver(here, { region: 'eu-west-1' } as never, new Date())).rejects.toThrow(
      "the run is part of a comparison, which stays as a whole where it is\n  Where eu-west-1 has machines, do all of it there: npx tempbalance cloud compare fake.yaml --set training.epochs=3 --set 'output.name=a b' --name c --region eu-west-1",
    );
  });
});
