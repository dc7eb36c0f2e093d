/** Answers of the checks of a deployment. */
import type { Finding } from '../core/finding.ts';

export type Answer = Omit<Finding, 'check'>;

export const ok = (found: string): Answer => ({ result: 'ok', found });
export const problem = (found: string, remedy: string): Answer => ({ result: 'problem', found, remedy });
