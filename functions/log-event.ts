import type { Logger } from '@aws-lambda-powertools/logger';
import type { ProgressEvent } from '../shared/pipeline/context.ts';

/** Progress as structured logs, step by step only where details are asked for. */
export function logEvent(logger: Logger, event: ProgressEvent): void {
  if (event.type === 'warning') logger.warn(event.message);
  else if (event.type === 'step') logger.debug('step', { event });
  else logger.info(event.type, { event });
}
