import { Logger } from '@aws-lambda-powertools/logger';
import { afterEach, expect, it, vi } from 'vitest';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

it('counts what was spent as a metric of the service and the run, in the form that CloudWatch takes out of logs', async () => {
  vi.stubEnv('POWERTOOLS_METRICS_NAMESPACE', 'TempBalance');
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'tempbalance');
  const lines: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  const { emitEvent } = await import('../../functions/emit.ts');
  const logger = new Logger({ logLevel: 'SILENT' });
  emitEvent(logger, { type: 'spend', run: 'runs/burgers-1', task: 'Checkpoint', usd: 0.25 });
  emitEvent(logger, { type: 'warning', message: 'no metric' });
  vi.restoreAllMocks();
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    _aws: {
      CloudWatchMetrics: [
        {
          Namespace: 'TempBalance',
          Dimensions: [['service', 'run']],
          Metrics: [{ Name: 'SpendUsd', Unit: 'None' }],
        },
      ],
    },
    service: 'tempbalance',
    run: 'burgers-1',
    SpendUsd: 0.25,
  });
});

const epoch = {
  type: 'epoch',
  run: 'runs/burgers-1',
  profile: 'burgers',
  epoch: 3,
  epochs: 4,
  trainLoss: 0.5,
  metric: { name: 'nRMSE', value: 0.25 },
  best: null,
  alphaMean: 3.5,
  alphaStd: 0.5,
  seconds: 30,
  secondsLeft: 10,
  epochSeconds: 9,
  epochUsd: 0.01,
} as const;

/** The metrics that an event leaves in the log. */
async function metricsOf(event: ProgressEvent): Promise<Record<string, unknown>[]> {
  vi.stubEnv('POWERTOOLS_METRICS_NAMESPACE', 'TempBalance');
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'tempbalance');
  const lines: string[] = [];
  const write = (text: unknown) => lines.push(String(text)) > 0;
  vi.spyOn(process.stdout, 'write').mockImplementation(write as typeof process.stdout.write);
  const { emitEvent } = await import('../../functions/emit.ts');
  emitEvent(new Logger({ logLevel: 'SILENT' }), event);
  vi.restoreAllMocks();
  return lines.map((line) => JSON.parse(line));
}

it('counts what an epoch came to as metrics of service and profile, not of the run', async () => {
  const [line, ...others] = await metricsOf(epoch);
  expect(others).toEqual([]);
  expect(line).toMatchObject({
    _aws: { CloudWatchMetrics: [{ Namespace: 'TempBalance', Dimensions: [['service', 'profile']] }] },
    service: 'tempbalance',
    profile: 'burgers',
    run: 'runs/burgers-1',
    epoch: '3',
    metric: 'nRMSE',
    ValidationMetric: 0.25,
    TrainLoss: 0.5,
    AlphaMean: 3.5,
    EpochSeconds: 9,
    EpochUsd: 0.01,
  });
});

it('leaves out what an epoch has not, and puts the runs of comparisons below one name', async () => {
  const run = 'comparisons/rates/runs/test-plain-1';
  const none = { metric: { name: 'nRMSE', value: null }, trainLoss: null, alphaMean: null };
  const [line] = await metricsOf({ ...epoch, run, ...none, alphaMean: 3 });
  expect(line).toMatchObject({ profile: 'comparisons', AlphaMean: 3 });
  expect(Object.keys(line!)).not.toContain('ValidationMetric');
  expect(await metricsOf({ ...epoch, ...none, epoch: 0 })).toEqual([]);
});
