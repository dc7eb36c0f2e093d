import { collectEpoch } from '../../shared/pipeline/tasks/collect-epoch.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('CollectEpoch', collectEpoch);
