import { stringify } from 'yaml';
import type { TextDatasetConfig } from '../datasets/text/registry.ts';
import type { LanguageTask } from '../models/language/model.ts';

/** First line of a run file: points editors to the schema, for completion and checks while typing. */
export const schemaComment = (schema: string): string => `# yaml-language-server: $schema=${schema}`;

const balanceLine =
  "# Per-layer learning rates from the layers' spectra; `balance: off` trains all layers at the base rate.";

const usualModel = { tasks: ['classification', 'masked-lm', 'causal-lm'], maxTokens: 128 } as const;

const usualTraining = { epochs: 10, batchSize: 16, validation: 0.2 } as const;
/** A run should take so many optimizer steps without improvement before it stops: an epoch of few texts is few steps. */
const patientSteps = 100;
const leastPatience = 3;
/** For a data set that is not there yet. */
const usualPatience = 5;

/** The line of the patience, in epochs, that suits so many texts. */
function patienceLine(texts: number | undefined): string {
  const { epochs, batchSize, validation } = usualTraining;
  if (texts === undefined) {
    return `  patience: ${usualPatience} # epochs without a better one; a few hundred texts or less want more, as their epochs are short\n`;
  }
  const steps = Math.max(1, Math.ceil((texts * (1 - validation)) / batchSize));
  const patience = Math.min(epochs, Math.max(leastPatience, Math.ceil(patientSteps / steps)));
  const why = patience > leastPatience ? `, each of which is ${steps} step${steps === 1 ? '' : 's'} here` : '';
  return `  patience: ${patience} # epochs without a better one${why}\n`;
}

/** A run file to start from for a language model in a folder of Hugging Face's: published settings for pre-trained ones. */
export function starterTextRunFile(options: {
  schema: string;
  folder: string;
  dataset: string;
  format: TextDatasetConfig['format'];
  /** How many texts there are; absent: it is not known. */
  texts?: number | undefined;
  /** What the model can learn, and the longest text that it takes; absent: it is not known. */
  model?: { readonly tasks: readonly LanguageTask[]; readonly maxTokens: number } | undefined;
}): string {
  const { schema, folder, dataset, format, texts, model: { tasks, maxTokens } = usualModel } = options;
  const { epochs, batchSize, validation } = usualTraining;
  const [task, ...others] = tasks.filter((each) => each !== 'classification' || format !== 'lines');
  const scalar = (value: string) => stringify(value).trim();
  const columns = format === 'lines' ? '' : '  # columns: { text: review, label: stars }\n';
  return `${schemaComment(schema)}
# Every setting, with its default: docs/run-file.md

model:
  family: huggingface
  folder: ${scalar(folder)}
  task: ${task}${others.length > 0 ? ` # or ${others.join(', ')}` : ''}
  maxTokens: ${Math.min(usualModel.maxTokens, maxTokens)} # longer texts are cut

dataset:
  format: ${format}
  path: ${scalar(dataset)}
${columns}
training:
  epochs: ${epochs}
  batchSize: ${batchSize}
  learningRate: 0.00002 # 0.00001 to 0.00005 for most pre-trained models
  optimizer: { name: adamw }
  schedule: { name: linear, warmUpRatio: 0.1 }
  weightDecay: 0.01
  clipNorm: 1
  seed: 42
  validation: ${validation} # share of the texts held out

${balanceLine}
balance:
  preset: modelBalancing # as published; farms did better in the project's study of texts (docs/studies.md); others: tempBalance, alphaDecay, llr
  # every: 1 # analyse after each epoch, not about ten times in it as published: cheaper, plan says how much

convergence:
${patienceLine(texts)}
output:
  folder: runs
`;
}

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

${balanceLine}
balance:
  preset: modelBalancing # as published; others: tempBalance, farms, alphaDecay, llr

convergence:
  metric: nRMSE
  # patience: 5

output:
  folder: runs
`;
}
