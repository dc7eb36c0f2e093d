import { expect, it } from 'vitest';
import { notificationOf } from '../../shared/cloud/notifications.ts';

const finished = (outcome: string, reason = 'all 4 epochs are trained') =>
  notificationOf({ type: 'finished', run: 'runs/waves-1', outcome, reason }, 'bucket');

it('people are told where model and report of a run are', () => {
  const { subject, message } = finished('completed')!;
  expect(subject).toBe('tempbalance: waves-1 completed');
  expect(message).toContain('s3://bucket/runs/waves-1/model/');
  expect(message).toContain('s3://bucket/runs/waves-1/report.html');
});

it('of a failure they are told the reason, and how to go on', () => {
  const { subject, message } = finished('failed', 'tensor "fc.weight" is missing')!;
  expect(subject).toBe('tempbalance: waves-1 failed');
  expect(message).toContain('tensor "fc.weight" is missing');
  expect(message).toContain('tempbalance cloud resume waves-1');
});

it('they are not told of a run that another execution goes on with, nor of every epoch', () => {
  expect(finished('running')).toBeUndefined();
  expect(notificationOf({ type: 'warning', message: 'x' }, 'bucket')).toBeUndefined();
});
