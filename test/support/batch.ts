/** Jobs that AWS Batch reports as failed, as a state machine sees them. */

interface JobEnd {
  readonly status: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly id?: string;
  /** What was asked for, and accepted. */
  readonly ended?: 'IsCancelled' | 'IsTerminated';
  /** When it ran, in milliseconds since 1970. */
  readonly ran?: { readonly from: number; readonly to: number };
}

/** The job's description in the cause of the task's error. */
export function failedJob({ status, exitCode, reason, id = 'job-1', ended, ran }: JobEnd): Error {
  const container = {
    Image: 'tempbalance',
    LogStreamName: 'train/default/0123',
    ...(exitCode === undefined ? {} : { ExitCode: exitCode }),
    ...(reason === undefined ? {} : { Reason: reason }),
  };
  const times = ran ? { StartedAt: ran.from, StoppedAt: ran.to } : {};
  const flags = ended ? { [ended]: true } : {};
  const job = {
    JobId: id,
    JobName: 'fake',
    Status: 'FAILED',
    StatusReason: status,
    ...times,
    ...flags,
    Container: container,
  };
  return Object.assign(new Error(JSON.stringify(job)), { name: 'States.TaskFailed' });
}

/** A Spot instance that was taken away. */
export const spotInterruption = () => failedJob({ status: 'Host EC2 (instance i-0123456789abcdef0) terminated.' });

/** A queue that gave up waiting for capacity. */
export const waitedInVain = () =>
  failedJob({ status: 'Canceled by JobStateTimeLimit action due to reason: CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY' });
