import type { PipelineState } from './messages.ts';

/** The name of a new attempt of an execution. */
export const attemptOf = ({ execution }: Pick<PipelineState, 'execution'>, name: string): string =>
  `${execution}.${name}`;

/** Whether an attempt was made by this execution, in whichever of its tasks. */
export const isOwn = (attempt: string, { execution }: Pick<PipelineState, 'execution'>): boolean =>
  attempt.startsWith(`${execution}.`);
