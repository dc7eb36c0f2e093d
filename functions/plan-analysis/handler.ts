import { planAnalysis } from '../../shared/pipeline/tasks/plan-analysis.ts';
import { taskHandler } from '../task-handler.ts';

export const handler = taskHandler('PlanAnalysis', planAnalysis);
