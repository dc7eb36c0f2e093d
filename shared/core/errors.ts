/** What an error message answers besides what happened: where, and how to mend it. */
interface ErrorDetails {
  /** File, line, key or tensor name. */
  where?: string;
  /** What the reader can do about it. */
  remedy?: string;
  cause?: unknown;
}

/** An error whose message says what happened, where, and how to mend it. Its `name` is what the workflow matches on. */
abstract class ExplainedError extends Error {
  readonly where: string | undefined;
  readonly remedy: string | undefined;

  constructor(what: string, details: ErrorDetails = {}) {
    const head = details.where ? `${details.where}: ${what}` : what;
    super(details.remedy ? `${head}\n  ${details.remedy}` : head, { cause: details.cause });
    this.where = details.where;
    this.remedy = details.remedy;
  }
}

/** The user's input is at fault (configuration, data, weights, arguments): never retried, exit code 2. */
export class UserError extends ExplainedError {
  override readonly name: string = 'UserError';
}

/** What a user gave is itself broken, whatever the settings ask of it. */
export class BrokenInputError extends UserError {}

/** What a user gave is intact, and does not fit into the memory or onto the disk of where it is to be read. */
export class TooLargeError extends UserError {}

/** Something outside failed in a way that may pass (store, network, disk): the workflow retries it with backoff. */
export class TransientError extends ExplainedError {
  override readonly name: string = 'TransientError';
}

/** What is left of a run's budget does not pay for the task, and the run has a model: it ends with that. */
export class BudgetError extends ExplainedError {
  override readonly name: string = 'BudgetError';
}

/** The process was told to end (SIGTERM, a Spot notice) and left nothing half done: the work is begun again elsewhere. */
export class InterruptedError extends ExplainedError {
  override readonly name: string = 'InterruptedError';
}

/** The run can't go on, and neither a retry nor the user's input is to blame (full disk, lost commit race): exit code 1. */
export class RunError extends ExplainedError {
  override readonly name: string = 'RunError';
}

/** The error with its message as `rewrite` makes it, and all else as it was. */
export function explained<Thrown extends Error>(error: Thrown, rewrite: (message: string) => string): Thrown {
  const message = rewrite(error.message);
  if (message !== error.message) error.message = message;
  return error;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
