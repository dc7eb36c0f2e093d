/** The library: what `import ... from 'tempbalance'` gives. Documented in docs/api.md. */
export { type AnalyseOptions, analyse } from './library/analyse.ts';
export { type CompareOptions, compare, type FinishedComparison } from './library/compare.ts';
export { openStore } from './library/open-store.ts';
export { type RatesOptions, rates } from './library/rates.ts';
export { type FinishedRun, type RunOptions, runPipeline } from './library/run-pipeline.ts';
export type { RunFile, Settings } from './library/settings.ts';
export type { ArtifactStore, StoredObject } from './shared/checkpoints/artifact-store.ts';
export { RunError, UserError } from './shared/core/errors.ts';
export type { ComparisonEvent } from './shared/pipeline/comparison/context.ts';
export type { ProgressEvent } from './shared/pipeline/context.ts';
export type { RunSummary } from './shared/pipeline/run-summary.ts';
export type { ComparisonResult } from './shared/reports/comparison/input.ts';
export type { CheckpointRates } from './shared/schedules/checkpoint-rates.ts';
export type { AnalysisProgress } from './shared/weights/analyse-checkpoint.ts';
export type { AnalysedLayer, Analysis } from './shared/weights/analysis.ts';
