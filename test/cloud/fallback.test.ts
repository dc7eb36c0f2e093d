import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { handOver } from '../../shared/cloud/fallback.ts';
import { workflowDefinition } from '../../shared/local/run-pipeline.ts';
import { readRequest } from '../../shared/pipeline/records.ts';
import { startDeployment } from '../support/deployment.ts';
import { fakeConfig } from '../support/fake-run.ts';

const deployment = await startDeployment();

describe.skipIf(!deployment)('a run without machines', () => {
  const deployed = deployment!;

  it('goes on in another region, with its data, under its name, started once', async () => {
    const region = 'eu-west-1';
    const s3 = new S3Client({ region, forcePathStyle: true });
    const sfn = new SFNClient({ region });
    onTestFinished(() => void [s3, sfn].map((client) => client.destroy()));
    const bucket = `there-${deployed.bucket}`;
    await s3.send(
      new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: { LocationConstraint: region } }),
    );
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    const { stateMachineArn } = await sfn.send(
      new CreateStateMachineCommand({
        name: 'tempbalance',
        definition: JSON.stringify(workflowDefinition()),
        roleArn: 'arn:aws:iam::123456789012:role/workflow',
      }),
    );
    const there = { region, s3, sfn, bucket, stateMachine: stateMachineArn! };
    const run = 'runs/waits';
    const version = await deployed.upload('datasets/waits/data.hdf5', 'the data');
    const config = fakeConfig();
    const path = `s3://${deployed.bucket}/datasets/waits/data.hdf5?versionId=${version}`;
    const request = { version: 1, config: { ...config, dataset: { ...config.dataset, path } }, overrides: [] };
    await deployed.store.put(runKeys.request(run), encodeJson(request));
    const here = { s3: deployed.s3, store: deployed.store, run, execution: 'abc' };
    for (let tried = 0; tried < 2; tried++) {
      expect(await handOver(here, there, new Date())).toBe(
        `no machine was to be had: the run goes on in eu-west-1 (s3://${bucket}/runs/waits/)`,
      );
    }
    const store = s3Store({ client: s3, bucket });
    const moved = await readRequest(store, run);
    expect(moved.config.dataset.path).toMatch(new RegExp(`^s3://${bucket}/datasets/waits/data.hdf5\\?versionId=`));
    const data = await store.get('datasets/waits/data.hdf5');
    expect(new TextDecoder().decode(data!.bytes)).toBe('the data');
    const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: stateMachineArn! }));
    expect(executions.map(({ name }) => name)).toEqual([expect.stringMatching(/^waits-from-[0-9a-f]{12}$/)]);
  });

  it('stays where it is part of a comparison', async () => {
    const here = { s3: deployed.s3, store: deployed.store, run: 'comparisons/c/runs/a', execution: 'abc' };
    await expect(handOver(here, {} as never, new Date())).rejects.toThrow('stays where the comparison is');
  });
});
