/** Answers of the checks of a deployment. */
import { messageOf } from '../core/errors.ts';
import type { Finding } from '../core/finding.ts';

export type Answer = Omit<Finding, 'check'>;

export const ok = (found: string): Answer => ({ result: 'ok', found });
export const problem = (found: string, remedy: string): Answer => ({ result: 'problem', found, remedy });

/** The answer of a check; that it could not be made is a problem too. */
export async function answered(check: string, ask: () => Promise<Answer>): Promise<Finding> {
  try {
    return { check, ...(await ask()) };
  } catch (error) {
    return { check, ...problemOf(error) };
  }
}

/** A check that could not be made. */
export function problemOf(error: unknown): Answer {
  const [found, ...rest] = messageOf(error).split('\n');
  const remedy = rest.join(' ').trim();
  return { result: 'problem', found: found!, ...(remedy ? { remedy } : {}) };
}
