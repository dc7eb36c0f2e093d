import { expect, it } from 'vitest';
import { comparisonNotification, notificationOf } from '../../shared/cloud/notifications.ts';

const finished = (outcome: string, reason = 'all 4 epochs are trained', cost: { usd?: number } = {}) =>
  notificationOf({ type: 'finished', run: 'runs/waves-1', outcome, reason, ...cost }, 'bucket');

it('people are told where model and report of a run are', () => {
  const { subject, message } = finished('completed')!;
  expect(subject).toBe('tempbalance: waves-1 completed');
  expect(message).toContain('s3://bucket/runs/waves-1/model/');
  expect(message).toContain('s3://bucket/runs/waves-1/report.html');
  expect(message).not.toContain('cost');
});

it('they are told what it cost where that was counted', () => {
  expect(finished('completed', 'the budget is spent', { usd: 4.2 })!.message).toContain('cost    4.20 USD');
});

it('of an execution that failed and left the run as it was they are told so, and not that the run failed', () => {
  const event = { type: 'refused', run: 'runs/waves-1', reason: 'the data set is not there' } as const;
  const { subject, message } = notificationOf(event, 'bucket')!;
  expect(subject).toBe('tempbalance: waves-1 was not gone on with');
  expect(message).toContain('the data set is not there');
  expect(message).toContain('npx tempbalance cloud status waves-1');
});

it('of a failure they are told the reason, and how to go on', () => {
  const { subject, message } = finished('failed', 'tensor "fc.weight" is missing')!;
  expect(subject).toBe('tempbalance: waves-1 failed');
  expect(message).toContain('tensor "fc.weight" is missing');
  expect(message).toContain('npx tempbalance cloud resume waves-1');
});

it('they are not told of a run that another execution goes on with, nor of every epoch', () => {
  expect(finished('running')).toBeUndefined();
  expect(notificationOf({ type: 'warning', message: 'x' }, 'bucket')).toBeUndefined();
});

it('of the runs of a comparison nobody is told, but of its end', () => {
  const run = 'comparisons/waves/runs/test-plain-1';
  expect(notificationOf({ type: 'finished', run, outcome: 'diverged', reason: 'no number' }, 'bucket')).toBeUndefined();
  expect(notificationOf({ type: 'refused', run, reason: 'is not there' }, 'bucket')).toBeUndefined();
  const comparison = 'comparisons/waves';
  const judged = comparisonNotification({ type: 'judged', comparison, headline: 'balanced helps' }, 'bucket')!;
  expect(judged.subject).toBe('tempbalance: waves is judged');
  expect(judged.message).toContain('s3://bucket/comparisons/waves/report.html');
  const failed = comparisonNotification({ type: 'comparisonFailed', comparison, reason: 'no bucket' }, 'bucket')!;
  expect(failed.message).toContain('npx tempbalance cloud resume waves');
  const round = { type: 'round', comparison, round: 'test', runs: 3, finished: 1 } as const;
  expect(comparisonNotification(round, 'bucket')).toBeUndefined();
});
