/** What is read out of the history of an execution; the stand-in for AWS has none of ours. */
import type { HistoryEvent, HistoryEventType } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { consoleAddress } from '../../shared/cloud/executions.ts';
import { historyTeller, standingOf } from '../../shared/cloud/history.ts';
import { isRedriven } from '../../shared/cloud/resume-run.ts';
import { stateOf } from '../../shared/cloud/run-status.ts';
import { executionName } from '../../shared/pipeline/execution-name.ts';

let ids = 0;
const event = (type: HistoryEventType, details: Partial<HistoryEvent> = {}): HistoryEvent => ({
  id: ++ids,
  timestamp: new Date(0),
  type,
  ...details,
});
const entered = (name: string, input: object = {}) =>
  event('TaskStateEntered', { stateEnteredEventDetails: { name, input: JSON.stringify(input) } });
const machine = (market: string, interruptions: number) => ({
  compute: { target: 'gpu', market, queue: 'q', definition: 'd', attemptSeconds: 60, interruptions },
});

describe('a history', () => {
  it('tells which states are entered, and what is tried again', () => {
    const tell = historyTeller();
    expect(tell([event('ExecutionStarted'), entered('Prepare'), event('LambdaFunctionScheduled')])).toEqual([
      { type: 'state', state: 'Prepare' },
    ]);
    expect(tell([event('LambdaFunctionFailed')])).toEqual([]);
    expect(tell([event('LambdaFunctionScheduled'), event('LambdaFunctionSucceeded'), entered('TrainEpoch')])).toEqual([
      { type: 'retry', state: 'Prepare' },
      { type: 'state', state: 'TrainEpoch' },
    ]);
    expect(tell([event('TaskScheduled'), event('TaskFailed'), entered('CollectEpoch')])).toEqual([
      { type: 'state', state: 'CollectEpoch' },
    ]);
  });

  it('is silent about the shards of an analysis', () => {
    expect(historyTeller()([entered('AnalyseShards'), entered('AnalyseShard'), entered('AnalyseShard')])).toEqual([
      { type: 'state', state: 'AnalyseShards' },
    ]);
  });

  it('says where an execution is, and on which machine', () => {
    expect(standingOf([entered('Prepare')])).toEqual({ state: 'Prepare', compute: undefined });
    const standing = standingOf([
      entered('Prepare'),
      entered('TrainEpoch', machine('spot', 0)),
      entered('CollectEpoch', machine('spot', 1)),
      event('TaskStateExited', {
        stateExitedEventDetails: { name: 'CollectEpoch', output: JSON.stringify(machine('onDemand', 2)) },
      }),
      event('ChoiceStateEntered', { stateEnteredEventDetails: { name: 'Trained?', input: 'cut off' } }),
    ]);
    expect(standing.state).toBe('Trained?');
    expect(standing.compute).toMatchObject({ market: 'onDemand', interruptions: 2 });
  });
});

describe('an execution that ended', () => {
  const now = new Date('2026-11-24T12:00:00Z');
  const minutesAgo = (minutes: number) => new Date(now.getTime() - 60_000 * minutes);
  const ended = (minutes: number, redrivable = true) => ({ redrivable, stoppedAt: minutesAgo(minutes) });

  it('is driven on when it was stopped in the middle of a state, a short while ago', () => {
    expect(isRedriven(ended(5), { state: 'TrainEpoch', now })).toBe(true);
  });

  it.each([
    ['its state would only fail again', ended(5), 'Failed'],
    ['the service refuses', ended(5, false), 'TrainEpoch'],
    ['the pause would count as time of the run', ended(60), 'TrainEpoch'],
    ['nothing is known of its state', ended(5), undefined],
  ])('is followed by a new one when %s', (_why, execution, state) => {
    expect(isRedriven(execution, { state, now })).toBe(false);
  });
});

it('names executions uniquely, in 80 characters at most', () => {
  expect(executionName('burgers-1')).toBe('burgers-1');
  expect(executionName('burgers-1', 2)).toBe('burgers-1-2');
  const long = 'x'.repeat(90);
  const names = [long, `${long}y`].flatMap((name) => [1, 2, 999].map((number) => executionName(name, number)));
  expect(new Set(names).size).toBe(6);
  for (const name of names) expect(name.length).toBeLessThanOrEqual(80);
});

it('tells runs that are at work from those that stopped', () => {
  expect(stateOf('running', true)).toBe('running');
  expect(stateOf('running', false)).toBe('stopped');
  expect(stateOf('failed', false)).toBe('failed');
  expect(stateOf('failed', true)).toBe('running');
});

it('shows an execution in the console of its region and partition', () => {
  expect(consoleAddress({ arn: 'arn:aws:states:eu-west-1:1:execution:m:r' })).toBe(
    'https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/arn:aws:states:eu-west-1:1:execution:m:r',
  );
  expect(consoleAddress({ arn: 'arn:aws-cn:states:cn-north-1:1:execution:m:r' })).toContain('.console.amazonaws.cn/');
});
