import { admitRun } from '../../shared/pipeline/comparison/tasks/admit-run.ts';
import { comparisonHandler } from '../comparison-handler.ts';

export const handler = comparisonHandler('AdmitRun', admitRun);
