/** A deployment in the stand-in for AWS: bucket, state machines, table and topic; and its functions and containers run here. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  type ExecutionListItem,
  paginateListExecutions,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Context } from 'aws-lambda';
import { afterAll } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import type { Machine } from '../../shared/costs/machines.ts';
import { comparisonDefinition } from '../../shared/local/run-comparison.ts';
import { workflowDefinition } from '../../shared/local/run-pipeline.ts';
import type { ComparisonTaskName } from '../../shared/pipeline/comparison/messages.ts';
import type { TaskName } from '../../shared/pipeline/messages.ts';
import type { Environment } from '../../shared/pipeline/training-job.ts';
import { asRole, type LoggedRequest, logRequests } from './access-log.ts';
import { failedJob } from './batch.ts';
import { startMoto } from './moto.ts';

type FunctionTask = Exclude<TaskName, 'TrainEpoch'> | ComparisonTaskName;

const folders: Readonly<Record<FunctionTask, string>> = {
  Prepare: 'prepare',
  CollectEpoch: 'collect-epoch',
  PlanAnalysis: 'plan-analysis',
  AnalyseShard: 'analyse-shard',
  SetRates: 'set-rates',
  Checkpoint: 'checkpoint',
  Finalise: 'finalise',
  AskApproval: 'ask-approval',
  Publish: 'publish',
  RecordFailure: 'record-failure',
  PlanRound: 'plan-round',
  AdmitRun: 'admit-run',
  SettleRun: 'settle-run',
  JudgeRuns: 'judge-runs',
  RecordComparisonFailure: 'record-comparison-failure',
};

type Handler = (event: unknown, context: Context) => Promise<unknown>;

export interface TestDeployment {
  readonly bucket: string;
  readonly store: ArtifactStore;
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  readonly stateMachine: string;
  /** That of comparisons. */
  readonly compareStateMachine: string;
  readonly environment: Environment;
  /** Uploads an object and gives its version, as an event tells it. */
  upload(key: string, bytes: Uint8Array | string): Promise<string>;
  /** Calls a function as Lambda does. */
  invoke(folder: string, event: unknown): Promise<unknown>;
  /** Calls it without waiting for calls before. */
  invokeAtOnce(folder: string, event: unknown): Promise<unknown>;
  /** Runs a task of a workflow in its function. */
  perform(name: TaskName | ComparisonTaskName, message: unknown): Promise<unknown>;
  /** Runs a training job in a process of its own; fails as AWS Batch does when it exits with another code than 0. */
  runJob(environment: Environment, watch?: (child: ChildProcess) => void): Promise<void>;
  /** Every request to S3 so far, of functions and containers, by the name of their role. */
  requests(): LoggedRequest[];
  /** Names and inputs of the executions of a state machine that were started; of that of runs, unless another is named. */
  executions(stateMachine?: string): Promise<{ name: string; input: unknown }[]>;
}

/** Starts it for the tests of a file; undefined where moto is not installed. */
export async function startDeployment(): Promise<TestDeployment | undefined> {
  const moto = await startMoto();
  if (!moto) return undefined;
  const scratch = join(tmpdir(), `tempbalance-test-${randomUUID()}`);
  const given: Record<string, string> = {
    AWS_ENDPOINT_URL: moto.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    POWERTOOLS_TRACE_ENABLED: 'false',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    POWERTOOLS_METRICS_NAMESPACE: 'TempBalance',
    POWERTOOLS_SERVICE_NAME: 'tempbalance',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1024',
    TMPDIR: scratch,
    TEMPBALANCE_BUCKET: `tempbalance-${randomUUID()}`,
    TEMPBALANCE_IDEMPOTENCY_TABLE: 'started',
    TEMPBALANCE_PUBLISHING: JSON.stringify({ s3: 's3://models/' }),
  };
  const options = {
    endpoint: moto.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
  const s3 = new S3Client({ ...options, forcePathStyle: true, maxAttempts: 1 });
  const [sfn, sns, dynamo] = [new SFNClient(options), new SNSClient(options), new DynamoDBClient(options)];
  const bucket = given.TEMPBALANCE_BUCKET!;
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  await dynamo.send(
    new CreateTableCommand({
      TableName: 'started',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    }),
  );
  const { TopicArn: topic } = await sns.send(new CreateTopicCommand({ Name: 'tempbalance' }));
  const machine = async (name: string, definition: object) => {
    const { stateMachineArn: arn } = await sfn.send(
      new CreateStateMachineCommand({
        name,
        definition: JSON.stringify(definition),
        roleArn: 'arn:aws:iam::123456789012:role/workflow',
      }),
    );
    return arn!;
  };
  const stateMachine = await machine('tempbalance', workflowDefinition());
  const compareStateMachine = await machine('tempbalance-compare', comparisonDefinition());
  const choice = (name: string, machine: Machine) => ({ queue: `arn:${name}`, definition: name, machine });
  const markets = (name: string, machine: Machine) => ({
    spot: choice(`${name}-spot`, machine),
    onDemand: choice(`${name}-on-demand`, machine),
  });
  Object.assign(given, {
    TEMPBALANCE_TOPIC: topic!,
    TEMPBALANCE_STATE_MACHINE: stateMachine,
    TEMPBALANCE_COMPUTE: JSON.stringify({
      gpu: markets('gpu', { kind: 'instance', instances: ['g4dn.xlarge', 'g5.xlarge'] }),
      cpu: markets('cpu', { kind: 'fargate', vcpus: 4, memoryGb: 16 }),
    }),
  });
  const requests: LoggedRequest[] = [];
  logRequests((request) => requests.push(request));
  const accessLog = join(tmpdir(), `tempbalance-access-${randomUUID()}.jsonl`);
  const before = { ...process.env };
  mkdirSync(scratch);
  Object.assign(process.env, given);
  afterAll(async () => {
    for (const name of Object.keys(given)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    for (const client of [s3, sfn, sns, dynamo]) client.destroy();
    await moto.stop();
    rmSync(accessLog, { force: true });
    rmSync(scratch, { recursive: true, force: true });
  });

  const invoked = new Map<string, Promise<unknown>>();
  /** One event at a time, as an instance of a function has it. */
  const invoke = (folder: string, event: unknown) => {
    const before = invoked.get(folder) ?? Promise.resolve();
    const answer = before.catch(() => undefined).then(() => call(folder, event));
    invoked.set(folder, answer);
    return answer;
  };
  const call = async (folder: string, event: unknown) => {
    const { handler } = (await import(`../../functions/${folder}/handler.ts`)) as { handler: Handler };
    return asRole(folder, () => handler(JSON.parse(JSON.stringify(event)), lambdaContext(folder)));
  };
  return {
    bucket,
    store: s3Store({ client: s3, bucket }),
    s3,
    sfn,
    stateMachine,
    compareStateMachine,
    environment: given,
    async upload(key, bytes) {
      const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
      return VersionId!;
    },
    invoke,
    invokeAtOnce: call,
    perform: (name, message) => invoke(folders[name as FunctionTask], message),
    async runJob(environment, watch = () => undefined) {
      const main = fileURLToPath(new URL('../../functions/train-epoch/main.ts', import.meta.url));
      const id = randomUUID();
      const disk = join(scratch, id);
      const env = {
        ...process.env,
        AWS_BATCH_JOB_ID: id,
        // Every container has a disk of its own.
        TMPDIR: disk,
        POWERTOOLS_LOG_LEVEL: 'DEBUG',
        TEMPBALANCE_TEST_ACCESS_LOG: accessLog,
        TEMPBALANCE_TEST_ROLE: 'train-epoch',
        NODE_OPTIONS: `--import ${new URL('./access-log.ts', import.meta.url)}`,
        ...environment,
      };
      mkdirSync(disk);
      const from = Date.now();
      const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'ignore'] });
      child.stdout.resume();
      watch(child);
      const [exitCode, signal] = await once(child, 'close');
      if (exitCode === 0) return;
      const status = signal
        ? 'Host EC2 (instance i-0123456789abcdef0) terminated.'
        : 'Essential container in task exited';
      const ran = { from, to: Date.now() };
      throw failedJob({ id, ran, status, ...(exitCode === null ? {} : { exitCode }) });
    },
    requests() {
      const lines = existsSync(accessLog) ? readFileSync(accessLog, 'utf8').split('\n').filter(Boolean) : [];
      return [...requests, ...lines.map((line) => JSON.parse(line) as LoggedRequest)];
    },
    async executions(of = stateMachine) {
      const executions: ExecutionListItem[] = [];
      for await (const page of paginateListExecutions({ client: sfn }, { stateMachineArn: of })) {
        executions.push(...(page.executions ?? []));
      }
      return Promise.all(
        executions.map(async ({ executionArn, name }) => {
          const { input } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
          return { name: name!, input: JSON.parse(input!) };
        }),
      );
    },
  };
}

function lambdaContext(functionName: string): Context {
  return {
    functionName,
    functionVersion: '1',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:123456789012:function:${functionName}`,
    memoryLimitInMB: '1024',
    awsRequestId: randomUUID(),
    logGroupName: '',
    logStreamName: '',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => 60_000,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}
