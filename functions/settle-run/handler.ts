import { settleRun } from '../../shared/pipeline/comparison/tasks/settle-run.ts';
import { comparisonHandler } from '../comparison-handler.ts';

export const handler = comparisonHandler('SettleRun', settleRun);
