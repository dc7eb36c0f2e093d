import { once } from 'node:events';
import {
  type CloudWatchLogsClient,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { describe, expect, it } from 'vitest';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { formatLogLine, type LogGroup, logGroups, logsClient, readLogs, sourceOf } from '../../shared/cloud/logs.ts';
import { runCli, startCli } from '../support/cli.ts';
import { startDeployment } from '../support/deployment.ts';
import { createStack } from '../support/stack.ts';

const deployment = await startDeployment();
const start = Date.now() - 60_000;

async function write(
  client: CloudWatchLogsClient,
  logGroupName: string,
  lines: [seconds: number, text: string][],
  logStreamName = 'one',
) {
  await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  const logEvents = lines.map(([seconds, message]) => ({ timestamp: start + 1000 * seconds, message }));
  await client.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
}

const line = (run: string, message: string, more: object = {}) =>
  JSON.stringify({ level: 'INFO', message, run, ...more });

describe.skipIf(!deployment)('the logs of a run', () => {
  it('come from all functions and jobs, in the order of time, without those of other runs', async () => {
    const group = { Type: 'AWS::Logs::LogGroup' };
    await createStack(deployment!, {
      Resources: { FunctionsPlanAnalysisLogs0A1B2C3D: group, JobsLogs0A1B2C3D: group, WorkflowLogs0A1B2C3D: group },
    });
    const groups = await logGroups({ stack: 'tempbalance', region: 'us-east-1' });
    expect(groups.map(({ source }) => source).sort()).toEqual(['plan-analysis', 'train-epoch']);
    const client = logsClient('us-east-1');
    const named = (source: string) => groups.find((each) => each.source === source)!.name;
    await write(client, named('plan-analysis'), [
      [1, line('runs/a', 'first')],
      [3, line('runs/a', 'third')],
      [4, 'REPORT RequestId: runs/a'],
    ]);
    await write(client, named('train-epoch'), [
      [2, line('runs/a', 'second')],
      [2, line('runs/ab', 'of another')],
    ]);
    const read = await readLogs(client, groups, 'runs/a', new Date(start));
    expect(read.map(({ text }) => JSON.parse(text).message)).toEqual(['first', 'second', 'third']);
    expect(read.map(({ source }) => source)).toEqual(['plan-analysis', 'train-epoch', 'plan-analysis']);
    const later = await readLogs(client, groups, 'runs/a', new Date(start + 1500));
    expect(later).toHaveLength(2);
    client.destroy();

    await deployment!.store.put(runKeys.request('runs/a'), encodeJson({}));
    const { code, stdout } = await runCli(['cloud', 'logs', 'a', '--json']);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toEqual(read.map(({ text }) => text));
  });

  it('are followed line by line, each told once, until Ctrl-C', { timeout: 30_000 }, async () => {
    const client = logsClient('us-east-1');
    const [{ name: group }] = (await logGroups({ stack: 'tempbalance', region: 'us-east-1' })) as [LogGroup];
    await deployment!.store.put(runKeys.request('runs/b'), encodeJson({}));
    const silent = await runCli(['cloud', 'logs', 'b']);
    expect(silent).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('nothing is logged') });

    await write(client, group, [[1, line('runs/b', 'early')]], 'b1');
    const { child, finished } = startCli(['cloud', 'logs', 'b', '--follow']);
    let said = '';
    const told = async (what: string) => {
      while (!said.includes(what)) said += String((await once(child.stdout!, 'data'))[0]);
    };
    await told('early');
    await write(client, group, [[2, line('runs/b', 'late')]], 'b2');
    await told('late');
    await write(client, group, [[0, line('runs/b', 'delayed')]], 'b3');
    await told('delayed');
    child.kill('SIGINT');
    const { signal, stdout, stderr } = await finished;
    client.destroy();
    expect(signal).toBe('SIGINT');
    expect(stderr).toBe('');
    expect(stdout.match(/early|late|delayed/g)).toEqual(['early', 'late', 'delayed']);
  });
});

it('knows which function a log group is of', () => {
  expect(sourceOf('FunctionsPrepareLogs12345678')).toBe('prepare');
  expect(sourceOf('FunctionsRecordFailureLogsABCDEF01')).toBe('record-failure');
  expect(sourceOf('JobsLogsABCDEF01')).toBe('train-epoch');
  expect(sourceOf('WorkflowLogsABCDEF01')).toBeUndefined();
});

it('prints lines plainly, and progress with its details', () => {
  const at = new Date('2026-11-24T10:00:00Z');
  const of = (text: string) => formatLogLine({ id: '1', at, source: 'prepare', text });
  expect(of(line('runs/a', 'read the data'))).toBe('2026-11-24T10:00:00.000Z  INFO   prepare         read the data');
  expect(of(line('runs/a', 'retry', { event: { type: 'retry', state: 'Prepare' } }))).toContain(
    'retry {"state":"Prepare"}',
  );
  expect(of('not JSON')).toContain('not JSON');
});
