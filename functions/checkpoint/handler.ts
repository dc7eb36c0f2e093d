import { checkpoint } from '../../shared/pipeline/tasks/checkpoint.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('Checkpoint', checkpoint);
