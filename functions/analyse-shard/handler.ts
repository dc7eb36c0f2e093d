import { openedOnce } from '../../shared/pipeline/resources.ts';
import { analyseShard } from '../../shared/pipeline/tasks/analyse-shard.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('AnalyseShard', analyseShard, openedOnce);
