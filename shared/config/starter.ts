import { stringify } from 'yaml';

/** First line of a run file: points editors to the schema, for completion and checks while typing. */
export const schemaComment = (schema: string): string => `# yaml-language-server: $schema=${schema}`;

/** A run file to start from: the settings that people change, each with what it means. */
export function starterRunFile(options: { schema: string; dataset: string; weights?: string | undefined }): string {
  const { schema, dataset, weights } = options;
  const scalar = (value: string) => stringify(value).trim();
  const weightsLine = weights === undefined ? '# weights: pretrained.safetensors' : `weights: ${scalar(weights)}`;
  return `${schemaComment(schema)}
# Every setting, with its default: docs/run-file.md

model:
  family: fno1d # or fno2d
  ${weightsLine}
  modes: 12
  width: 20

dataset:
  format: pdebench
  path: ${scalar(dataset)}
  window: 10 # time steps the model is given
  rolloutSteps: all # time steps it has to predict

training:
  epochs: 20
  batchSize: 4
  learningRate: 0.001
  optimizer: { name: adam }
  schedule: { name: constant }
  weightDecay: 0.0001
  seed: 42
  validation: 0.25 # share of the samples held out

# Per-layer learning rates from the layers' spectra; \`balance: off\` trains all layers at the base rate.
balance:
  assignment: { function: sigmoid }

convergence:
  metric: nRMSE
  # patience: 5

output:
  folder: runs
`;
}
