/** The library: what `import ... from 'tempbalance'` gives. Documented in docs/api.md. */
import './library/node-version.ts';

export { type AnalyseOptions, analyse } from './library/analyse.ts';
export { type CompareOptions, compare, type FinishedComparison } from './library/compare.ts';
export { openStore } from './library/open-store.ts';
export { type RatesOptions, rates } from './library/rates.ts';
export { type FinishedRun, type RunOptions, runPipeline } from './library/run-pipeline.ts';
export type { RunFile, Settings } from './library/settings.ts';
export type { ArtifactStore, StoredObject } from './shared/checkpoints/artifact-store.ts';
export type { ImportedModule, PluginContent } from './shared/config/plugin-content.ts';
export type { LoadedPlugin, Plugin, PluginKit, PluginModule } from './shared/config/plugins.ts';
export { RunError, UserError } from './shared/core/errors.ts';
export type { Random } from './shared/core/random.ts';
export type { ArrayFile, StoredArray } from './shared/datasets/arrays/array-file.ts';
export type { FieldFormat } from './shared/datasets/dataset.ts';
export type { FieldSettings } from './shared/datasets/field-settings.ts';
export type { ColumnSettings, PlainSettings } from './shared/datasets/text/settings.ts';
export type { ChooseColumns, SourceRow, TextContext, TextSource } from './shared/datasets/text/source.ts';
export type { TextFormat } from './shared/datasets/text/text-format.ts';
export type { NamedTensors, Scalar, Tensor, TensorLibrary } from './shared/engines/engine.ts';
export type {
  FieldModel,
  ModelFamily,
  ModelState,
  StepForward,
  TrajectoryFormat,
} from './shared/models/model.ts';
export type { ComparisonEvent } from './shared/pipeline/comparison/context.ts';
export type { ProgressEvent } from './shared/pipeline/context.ts';
export type { RunSummary } from './shared/pipeline/run-summary.ts';
export type { ComparisonResult } from './shared/reports/comparison/input.ts';
export type { AssignmentFunction } from './shared/schedules/assignments/assignment.ts';
export type { CheckpointRates } from './shared/schedules/checkpoint-rates.ts';
export type { Layer, LayerKind, ParameterSpec } from './shared/tensors/layer.ts';
export type { HostTensor, HostTensors } from './shared/tensors/tensor.ts';
export type {
  LearningRateCurve,
  LearningRateCurveFamily,
  TrainingLength,
} from './shared/training/learning-rate-curves/curve.ts';
export type { Optimizer, OptimizerFamily, StepScalars } from './shared/training/optimizer.ts';
export type { AnalysisProgress } from './shared/weights/analyse-checkpoint.ts';
export type { AnalysedLayer, Analysis } from './shared/weights/analysis.ts';
export type { MeasureOptions } from './shared/weights/measure-weights.ts';
