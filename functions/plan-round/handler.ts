import { planRound } from '../../shared/pipeline/comparison/tasks/plan-round.ts';
import { comparisonHandler } from '../comparison-handler.ts';

export const handler = comparisonHandler('PlanRound', planRound);
