import { finalise } from '../../shared/pipeline/tasks/finalise.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('Finalise', finalise);
