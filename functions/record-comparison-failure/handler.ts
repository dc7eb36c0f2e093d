import { recordComparisonFailure } from '../../shared/pipeline/comparison/tasks/record-comparison-failure.ts';
import { comparisonHandler } from '../comparison-handler.ts';

export const handler = comparisonHandler('RecordComparisonFailure', recordComparisonFailure);
