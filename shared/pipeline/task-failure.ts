/** What a failed training job means. Pure: from what the state machine says of it to what is to be done. */
import { z } from 'zod';
import { messageOf } from '../core/errors.ts';
import type { JobFailure } from '../decisions/compute.ts';
import type { TaskError } from './messages.ts';

/** Exit codes of the training container; `transient` for what may pass, such as a store that does not answer; `outOfTime` when it has run as long as the budget allows. */
export const trainingExitCodes = {
  done: 0,
  failed: 1,
  userError: 2,
  transient: 74,
  interrupted: 75,
  outOfTime: 76,
} as const;

const codesByName: Readonly<Record<string, number>> = {
  UserError: trainingExitCodes.userError,
  TransientError: trainingExitCodes.transient,
  InterruptedError: trainingExitCodes.interrupted,
};

/** The container's exit code for an error. */
export const exitCodeOf = (error: unknown): number =>
  (error instanceof Error && codesByName[error.name]) || trainingExitCodes.failed;

const retried: readonly number[] = [trainingExitCodes.transient, trainingExitCodes.interrupted];

/** Whether a training task that failed with this error is to be run again; such a task leaves no result. */
export const mayPass = (error: unknown): boolean => retried.includes(exitCodeOf(error));

/** `final`: no use in trying again; `stopped`: nor is it wanted; `timeout`: the job ran as long as it was allowed to. */
export interface ClassifiedFailure {
  readonly kind: JobFailure | 'timeout' | 'final' | 'stopped';
  /** `UserError` where the user has to mend something. */
  readonly name: string;
  readonly message: string;
  /** The remedy for the reason of a wait. */
  readonly remedy?: string | undefined;
}

const containerSchema = z.looseObject({
  ExitCode: z.number().nullish(),
  Reason: z.string().nullish(),
  LogStreamName: z.string().nullish(),
});
/** The part of AWS Batch's job description that says how a job ended. */
const jobSchema = z.looseObject({
  JobId: z.string().nullish(),
  StatusReason: z.string().nullish(),
  /** Whether somebody asked to cancel it while it waited, or to end it. */
  IsCancelled: z.boolean().nullish(),
  IsTerminated: z.boolean().nullish(),
  /** Milliseconds since 1970. */
  StartedAt: z.number().nullish(),
  StoppedAt: z.number().nullish(),
  Container: containerSchema.nullish(),
});
type Job = z.infer<typeof jobSchema>;

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

const moreMemory =
  'set functionMemoryMb higher in the context of cdk.json, and deploy again. Functions get CPUs by their memory, too.';

/** What mends a function that was ended by Lambda, which says little of it. */
function remedyFor(name: string, message: string): string {
  if (name === 'Runtime.ExitError' || /signal: killed|heap out of memory/i.test(message)) {
    return `\n  The function probably ran out of memory: ${moreMemory}`;
  }
  return name === 'Sandbox.Timedout' || /Task timed out after/.test(message)
    ? `\n  The function ran out of time: ${moreMemory}`
    : '';
}

/** What a failed task said: the message inside a function's error report, or the cause as it is; and how to mend it. */
export function plainMessage({ Error: name, Cause: cause }: TaskError): string {
  const report = z.looseObject({ errorMessage: z.string() }).safeParse(parsed(cause));
  const message = report.success ? report.data.errorMessage : cause || name;
  return `${message}${remedyFor(name, message)}`;
}

/** What is said of a job whose machine is taken away: of an instance, of a task on Fargate, for maintenance. */
const interruption = /^Host EC2|Spot Task was interrupted|SpotInterruption|performing maintenance/;

/** AWS Batch's words for a container that ended by itself, or none. */
const endedByItself = /^(Essential container in task exited.*)?$/;

const kindsByCode: Readonly<Record<number, ClassifiedFailure['kind']>> = {
  [trainingExitCodes.failed]: 'final',
  [trainingExitCodes.userError]: 'final',
  [trainingExitCodes.transient]: 'passing',
  [trainingExitCodes.interrupted]: 'interruption',
  [trainingExitCodes.outOfTime]: 'timeout',
};

/** Whether a person has ended the job: it says so, or it was told to end, and for a reason of no service. */
const wasStopped = ({ StatusReason: status, IsCancelled, IsTerminated, Container: container }: Job): boolean =>
  Boolean(IsCancelled || IsTerminated) ||
  (container?.ExitCode === trainingExitCodes.interrupted && !endedByItself.test(status ?? ''));

const isOutOfMemory = ({ Container: container }: Job) => container?.Reason?.startsWith('OutOfMemory') ?? false;

const needsLess =
  '\n  Let it need less (training.accumulate: 2, shorter texts, a smaller model), or give jobs more: gpuSize or cpuMemoryGb in the context of cdk.json.';

function kindOf(job: Job): ClassifiedFailure['kind'] {
  const { StatusReason: status, Container: container } = job;
  const reason = status ?? '';
  if (interruption.test(reason) || interruption.test(container?.Reason ?? '')) return 'interruption';
  if (reason.includes('JobStateTimeLimit')) return reason.includes('MISCONFIGURATION') ? 'final' : 'waiting';
  if (reason.startsWith('Job attempt duration exceeded')) return 'timeout';
  if (isOutOfMemory(job)) return 'final';
  if (wasStopped(job)) return 'stopped';
  return kindsByCode[container?.ExitCode ?? trainingExitCodes.done] ?? 'unexplained';
}

function describeJob({ JobId: id, StatusReason: status, Container: container }: Job, wasEnded: boolean): string {
  const { ExitCode: code, Reason: reason, LogStreamName: log } = container ?? {};
  const parts = [
    status || 'no reason given',
    reason ?? '',
    code == null ? '' : `exit code ${code}`,
    log ? `log ${log}` : '',
  ].filter(Boolean);
  return `${['training job', id, wasEnded ? 'was stopped' : ''].filter(Boolean).join(' ')}: ${parts.join('; ')}`;
}

/** A job's own limit is shorter than the time after which the document gives it up. */
const longWait = 'the job waited in its queue, or did not end, until the workflow gave it up';

/** Why AWS Batch lets the first job of a queue wait, in its words, and what mends it. Queues cancel jobs for the first three reasons. */
export const blockedReasons = {
  'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY':
    'AWS has no such machine free: add classes to gpuClasses or zones to network.zones, or let jobs wait longer (waitingLimitMinutes, onDemandWaitingLimitHours).',
  'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE':
    'A job needs more than maxVcpus or maxGpus allows: raise it in the context of cdk.json, and deploy again.',
  'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT':
    'No instance type of the queue holds the job: deploy again, so that jobs and machines fit together.',
  'MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED':
    'The zones of the network do not have such machines: change gpuClasses, network.zones or network.subnetIds, and deploy again.',
  'MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS':
    "AWS Batch's own role lacks a right: compare AWSServiceRoleForBatch, and policies of your organization, with AWS's managed policy.",
  ACTION_REQUIRED: 'A compute environment is invalid: `npx tempbalance cloud doctor` says why.',
  UNDETERMINED:
    'Usually a quota of GPU vCPUs, or a network from which machines do not reach ECS: `npx tempbalance cloud doctor` looks at both.',
} as const;

/** What mends a wait that is explained so; undefined where no reason of AWS Batch is named. */
const blockedRemedy = (reason: string): string | undefined =>
  Object.entries(blockedReasons).find(([code]) => reason.includes(code))?.[1];

/** Errors that are no job's description; of a job whose description can't be read nothing is known. */
const kindsByName: Readonly<Record<string, ClassifiedFailure['kind']>> = {
  InterruptedError: 'interruption',
  'States.TaskFailed': 'unexplained',
};

/**
 * Why a training task left no result. A job that ended says so by its description, as AWS Batch gives it; anything else is
 * a job that could not be submitted, or a task of this process, and the document has retried it already.
 */
export function classifyFailure(error: TaskError): ClassifiedFailure {
  const job = jobSchema.safeParse(parsed(error.Cause));
  if (job.success && (job.data.JobId || job.data.StatusReason)) {
    const tooLarge = isOutOfMemory(job.data);
    const isUsers = tooLarge || job.data.Container?.ExitCode === trainingExitCodes.userError;
    const kind = kindOf(job.data);
    const remedy = blockedRemedy(job.data.StatusReason ?? '');
    const said = describeJob(job.data, kind === 'stopped') + (tooLarge ? needsLess : '');
    if (kind === 'waiting') return { kind, name: 'RunError', message: said, remedy };
    const message = remedy === undefined ? said : `${said}\n  ${remedy}`;
    return { kind, name: isUsers ? 'UserError' : 'RunError', message };
  }
  if (error.Error === 'States.Timeout') return { kind: 'waiting', name: 'RunError', message: longWait };
  return { kind: kindsByName[error.Error] ?? 'final', name: error.Error, message: plainMessage(error) };
}

/** The failure of a job that the workflow has given up, with what AWS Batch said while it waited. */
export const withReason = (failure: ClassifiedFailure, reason: string | undefined): ClassifiedFailure =>
  reason ? { ...failure, message: `${failure.message}: ${reason}`, remedy: blockedRemedy(reason) } : failure;

/** The job that an error describes, and how long it ran, in seconds; undefined where none did. */
export function jobTime(error: TaskError, now: Date): { id: string; seconds: number } | undefined {
  const job = jobSchema.safeParse(parsed(error.Cause));
  if (!job.success || !job.data.JobId || !job.data.StartedAt) return undefined;
  const { JobId: id, StartedAt: started, StoppedAt: stopped } = job.data;
  return { id, seconds: Math.max(0, ((stopped ?? now.getTime()) - started) / 1000) };
}

/** Name and message of anything thrown. */
export function namedError(error: unknown): { name: string; message: string } {
  return { name: error instanceof Error ? error.name : 'Error', message: messageOf(error) };
}
