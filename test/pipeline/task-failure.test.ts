import { describe, expect, it } from 'vitest';
import { InterruptedError, RunError, TransientError, UserError } from '../../shared/core/errors.ts';
import {
  blockedReasons,
  classifyFailure,
  exitCodeOf,
  plainMessage,
  trainingExitCodes,
  withReason,
} from '../../shared/pipeline/task-failure.ts';
import { failedJob, spotInterruption, waitedInVain } from '../support/batch.ts';

const classified = (error: Error) => classifyFailure({ Error: error.name, Cause: error.message });

describe('a failed job', () => {
  it.each([
    ['a Spot instance that was taken away', spotInterruption(), 'interruption'],
    [
      'a Spot task on Fargate that was taken away',
      failedJob({ status: 'Your Spot Task was interrupted.' }),
      'interruption',
    ],
    [
      'one that was killed before it could end',
      failedJob({ status: 'Your Spot Task was interrupted.', exitCode: 137 }),
      'interruption',
    ],
    [
      'one whose container says so',
      failedJob({ status: 'Task stopped', reason: 'SpotInterruption: Your Spot Task was interrupted.', exitCode: 143 }),
      'interruption',
    ],
    [
      'a container that ended on SIGTERM',
      failedJob({ status: 'Essential container in task exited', exitCode: 75 }),
      'interruption',
    ],
    [
      'maintenance',
      failedJob({
        status: 'ECS is performing maintenance on the underlying infrastructure hosting the task.',
        exitCode: 75,
      }),
      'interruption',
    ],
    [
      'a store that did not answer',
      failedJob({ status: 'Essential container in task exited', exitCode: 74 }),
      'passing',
    ],
    ['a person who ended it', failedJob({ status: 'wrong data', exitCode: 137, ended: 'IsTerminated' }), 'stopped'],
    ['a person who gave a reason and no more is said', failedJob({ status: 'wrong data', exitCode: 75 }), 'stopped'],
    ['a person who cancelled it', failedJob({ status: 'not now', ended: 'IsCancelled' }), 'stopped'],
    [
      'a queue without capacity that marks it as cancelled',
      failedJob({
        status: 'Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY',
        ended: 'IsCancelled',
      }),
      'waiting',
    ],
    ['a queue without capacity', waitedInVain(), 'waiting'],
    [
      'a job that no machine of the queue can run',
      failedJob({
        status: 'Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT',
      }),
      'final',
    ],
    ['the limit of its time', failedJob({ status: 'Job attempt duration exceeded timeout' }), 'timeout'],
    ['an error for good', failedJob({ status: 'Essential container in task exited', exitCode: 1 }), 'final'],
    ["the user's input", failedJob({ status: 'Essential container in task exited', exitCode: 2 }), 'final'],
    [
      'too little memory',
      failedJob({
        status: 'Essential container in task exited',
        exitCode: 137,
        reason: 'OutOfMemoryError: Container killed due to memory usage',
      }),
      'final',
    ],
    ['a crash', failedJob({ status: 'Essential container in task exited', exitCode: 139 }), 'unexplained'],
    ['a container that did not start', failedJob({ status: 'Task failed to start' }), 'unexplained'],
  ] as const)('says what happened: %s', (_, error, kind) => {
    expect(classified(error).kind).toBe(kind);
  });

  it("is the user's when its exit code says so", () => {
    const ended = (exitCode: number) =>
      classified(failedJob({ status: 'Essential container in task exited', exitCode }));
    expect(ended(2).name).toBe('UserError');
    expect(ended(1).name).toBe('RunError');
  });

  it.each(Object.entries(blockedReasons))('that could not start says what mends it: %s', (reason, remedy) => {
    const ended = classified(failedJob({ status: `Canceled by JobStateTimeLimit action due to reason: ${reason}` }));
    expect(ended.kind).toBe(reason.startsWith('MISCONFIGURATION') ? 'final' : 'waiting');
    expect(ended.remedy ?? ended.message).toContain(remedy);
    const givenUp = withReason(classifyFailure({ Error: 'States.Timeout' }), `${reason} - blocked`);
    expect(givenUp).toMatchObject({ kind: 'waiting', message: expect.stringContaining(reason), remedy });
  });

  it('that ran out of memory says what gives it more, or lets it need less', () => {
    const reason = 'OutOfMemoryError: Container killed due to memory usage';
    expect(
      classified(failedJob({ status: 'Essential container in task exited', exitCode: 137, reason })),
    ).toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/OutOfMemoryError.*\n.*training\.accumulate: 2.*gpuSize or cpuMemoryGb/),
    });
  });

  it('is described with its reason, exit code and log', () => {
    const error = failedJob({ status: 'Essential container in task exited', exitCode: 1, reason: 'CannotStart' });
    expect(classified(error).message).toBe(
      'training job job-1: Essential container in task exited; CannotStart; exit code 1; log train/default/0123',
    );
    expect(classified(failedJob({ status: 'wrong data', exitCode: 75 })).message).toBe(
      'training job job-1 was stopped: wrong data; exit code 75; log train/default/0123',
    );
  });
});

describe('a job that could not be submitted, or a task of this process', () => {
  it('is not tried again beyond what the document does, unless it was told to end', () => {
    expect(classifyFailure({ Error: 'Batch.ClientException', Cause: 'no such queue' })).toEqual({
      kind: 'final',
      name: 'Batch.ClientException',
      message: 'no such queue',
    });
    expect(classified(new TransientError('the disk did not answer')).kind).toBe('final');
    expect(classified(new InterruptedError('told to end')).kind).toBe('interruption');
    expect(classifyFailure({ Error: 'States.TaskFailed', Cause: '{"JobId": "cut o' }).kind).toBe('unexplained');
    expect(classifyFailure({ Error: 'States.Timeout' })).toMatchObject({
      kind: 'waiting',
      message: expect.stringContaining('until the workflow gave it up'),
    });
  });
});

describe('the message of a failure', () => {
  it('is plain, whether a function reports it or an error was thrown here', () => {
    const message = 'the data are too few\n  Give more.';
    expect(plainMessage({ Error: 'UserError', Cause: message })).toBe(message);
    const report = { errorType: 'UserError', errorMessage: message, trace: ['at prepare'] };
    expect(plainMessage({ Error: 'UserError', Cause: JSON.stringify(report) })).toBe(message);
  });

  it('says what mends a function that had too little memory or time', () => {
    const ended = (errorType: string, errorMessage: string) =>
      plainMessage({ Error: errorType, Cause: JSON.stringify({ errorType, errorMessage }) });
    const killed = 'RequestId: 1 Error: Runtime exited with error: signal: killed';
    expect(ended('Runtime.ExitError', killed)).toMatch(
      /^RequestId: 1 .*\n {2}.*out of memory: set functionMemoryMb higher/,
    );
    const late = 'RequestId: 1 Error: Task timed out after 900.00 seconds';
    expect(ended('Sandbox.Timedout', late)).toMatch(/out of time: set functionMemoryMb higher/);
    expect(plainMessage({ Error: 'Lambda.Unknown', Cause: `Returned payload: {"errorMessage":"${late}"}` })).toMatch(
      /out of time: set functionMemoryMb higher/,
    );
  });

  it('is the cause, or the name, where there is no more', () => {
    expect(plainMessage({ Error: 'Lambda.Unknown', Cause: '{"requestId":"1"}' })).toBe('{"requestId":"1"}');
    expect(plainMessage({ Error: 'States.Timeout' })).toBe('States.Timeout');
    expect(plainMessage({ Error: 'States.Timeout', Cause: '' })).toBe('States.Timeout');
  });
});

it('gives a container an exit code for each kind of error', () => {
  expect(exitCodeOf(new UserError('x'))).toBe(trainingExitCodes.userError);
  expect(exitCodeOf(new TransientError('x'))).toBe(74);
  expect(exitCodeOf(new InterruptedError('x'))).toBe(75);
  expect(exitCodeOf(new RunError('x'))).toBe(1);
  expect(exitCodeOf('x')).toBe(1);
});
