import { judgeRuns } from '../../shared/pipeline/comparison/tasks/judge-runs.ts';
import { comparisonHandler } from '../comparison-handler.ts';

export const handler = comparisonHandler('JudgeRuns', judgeRuns);
