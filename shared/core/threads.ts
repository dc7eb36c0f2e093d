import { availableParallelism } from 'node:os';
import { UserError } from './errors.ts';

const variable = 'TEMPBALANCE_THREADS';

/**
 * Threads that this process may compute with: what the environment variable TEMPBALANCE_THREADS says, else as many as the machine has.
 * @throws UserError when the variable is not a whole number from 1 on.
 */
export function threadsAllowed(environment: Readonly<Record<string, string | undefined>> = process.env): number {
  const given = environment[variable];
  if (given === undefined || given === '') return availableParallelism();
  const threads = Number(given);
  if (Number.isSafeInteger(threads) && threads > 0) return threads;
  throw new UserError(`"${given}" is not a whole number from 1 on`, {
    where: `environment variable ${variable}`,
    remedy: 'Leave it out to compute with all threads of the machine.',
  });
}
