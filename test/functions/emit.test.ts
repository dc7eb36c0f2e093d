import { Logger } from '@aws-lambda-powertools/logger';
import { afterEach, expect, it, vi } from 'vitest';

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
