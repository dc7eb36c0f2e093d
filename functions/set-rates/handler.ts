import { setRates } from '../../shared/pipeline/tasks/set-rates.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('SetRates', setRates);
