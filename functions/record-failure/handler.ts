import { recordFailure } from '../../shared/pipeline/tasks/record-failure.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('RecordFailure', recordFailure);
