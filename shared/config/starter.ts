import { stringify } from 'yaml';
import type { ColumnNames } from '../datasets/text/column-names.ts';
import type { TextDatasetConfig } from '../datasets/text/registry.ts';
import { fewShotSchema } from '../models/language/few-shot.ts';
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

const fewShotHint = 'few-shot-classification is for so few texts of a label: it learns from pairs of them';

/** Whether labels have so few texts to train on that pairs of them can be learnt from. */
const isFew = ({ textsPerLabel, parts }: { textsPerLabel?: number | undefined; parts?: object | undefined }): boolean =>
  textsPerLabel !== undefined &&
  textsPerLabel * (parts && 'validationSplit' in parts ? 1 : 1 - usualTraining.validation) <=
    fewShotSchema.parse({}).mostPerLabel;

/** The line of the columns: those that were found, where they have other names than the usual ones. */
function columnsLine(columns: ColumnNames | undefined): string {
  const usual: ColumnNames = {
    text: 'text',
    textPair: 'text_pair',
    label: 'label',
    messages: 'messages',
    target: 'target',
  };
  const named = Object.entries(columns ?? {}).filter(([, name]) => name !== undefined);
  const isUsual = named.every(([role, name]) => usual[role as keyof ColumnNames] === name);
  if (isUsual) return '  # columns: { text: review, label: stars }\n';
  return `  columns: ${stringify(Object.fromEntries(named), { collectionStyle: 'flow' }).trim()}\n`;
}

/** Whether a task needs nothing but texts. */
export const isOfTexts = (task: LanguageTask): boolean => task === 'causal-lm' || task === 'masked-lm';

/** The tasks of a model that rows with these columns are for, those first that fit best. */
function tasksFor(
  { columns, hasTextsAlone = false }: LooksOfTexts,
  tasks: readonly LanguageTask[],
): readonly LanguageTask[] {
  if ((columns?.messages ?? columns?.completion) !== undefined) return ['causal-lm'];
  if (columns?.words !== undefined) return ['token-classification'];
  const ofTexts = tasks.filter((task) => task !== 'token-classification');
  const fits = (task: LanguageTask) => (hasTextsAlone ? isOfTexts(task) : task === 'seq2seq');
  if (columns?.target === undefined && !hasTextsAlone) return ofTexts;
  return [...ofTexts.filter(fits), ...ofTexts.filter((task) => !fits(task))];
}

/** The properties of a data set of texts. */
export interface LooksOfTexts {
  /** The columns that were found; absent: it is not known. */
  readonly columns?: ColumnNames | undefined;
  /** Whether there is no other column than that of the texts; absent: it is not known. */
  readonly hasTextsAlone?: boolean;
  /** Whether what is learnt of a text is a number that is no class; absent: it is not known. */
  readonly hasNumbers?: boolean;
  /** The number of texts; absent: it is not known. */
  readonly texts?: number | undefined;
  /** How many the most frequent label has, where single texts have one label each; absent: it is not known. */
  readonly textsPerLabel?: number | undefined;
  /** The parts of the data set to train and to validate on. */
  readonly parts?: { readonly split?: string; readonly validationSplit?: string } | undefined;
}

/** A run file to start from for a language model in a folder of Hugging Face's: published settings for pre-trained ones. */
export function starterTextRunFile(
  options: LooksOfTexts & {
    readonly schema: string;
    readonly folder: string;
    readonly dataset: string;
    readonly format: TextDatasetConfig['format'];
    /** Whether files of the format have columns. */
    readonly hasColumns: boolean;
    /** What the model can learn, and the longest text that it takes; absent: it is not known. */
    readonly model?: { readonly tasks: readonly LanguageTask[]; readonly maxTokens: number } | undefined;
  },
): string {
  const {
    schema,
    folder,
    dataset,
    format,
    hasColumns,
    texts,
    parts = {},
    model: { tasks, maxTokens } = usualModel,
  } = options;
  const { epochs, batchSize, validation } = usualTraining;
  const isOfChats = (options.columns?.messages ?? options.columns?.completion) !== undefined;
  const [task, ...others] = tasksFor(options, tasks).filter((each) => hasColumns || isOfTexts(each));
  const scalar = (value: string) => stringify(value).trim();
  const isEncoder = tasks.includes('masked-lm');
  const choices = [
    ...(others.length > 0 ? [`or ${others.join(', ')}`] : []),
    ...(isEncoder && task === 'classification' && isFew(options) ? [fewShotHint] : []),
  ];
  const columns = hasColumns ? columnsLine(options.columns) : '';
  const packing = isOfChats ? '  # packing: true # several of them share a row of maxTokens, kept apart\n' : '';
  const partLines = Object.entries(parts).map(([key, part]) => `  ${key}: ${scalar(part)}\n`);
  return `${schemaComment(schema)}
# Every setting, with its default: docs/run-file.md

model:
  family: huggingface
  folder: ${scalar(folder)}
  task: ${task}${choices.length > 0 ? ` # ${choices.join('; ')}` : ''}
${options.hasNumbers && task === 'classification' ? '  problemType: regression # labels are numbers, not classes\n' : ''}  maxTokens: ${Math.min(usualModel.maxTokens, maxTokens)} # longer texts are cut

dataset:
  format: ${format}
  path: ${scalar(dataset)}
${partLines.join('')}${columns}${packing}
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

/** Points along an axis beyond which data of a line, or of a plane or more, are thinned out in a run file to start from. */
const mostPoints = { line: 256, plane: 128 } as const;
const [usualModes, usualWindow, usualRollout] = [12, 10, 20];

/** The settings that fit the fields in a file. */
function settingsFor({ samples, time, space, statics }: FieldShape) {
  const most = space.length === 1 ? mostPoints.line : mostPoints.plane;
  const stride = Math.max(1, Math.ceil(Math.max(...space) / most));
  const points = space.map((along) => Math.ceil(along / stride));
  const window = statics > 0 && time === 1 ? 0 : Math.max(1, Math.min(usualWindow, Math.floor(time / 3)));
  return {
    family: `fno${space.length}d`,
    modes: Math.max(1, Math.min(usualModes, ...points.map((along) => Math.floor(along / 2)))),
    stride,
    window,
    rolloutSteps: window > 0 && time - window > usualRollout ? usualRollout : undefined,
    batchSize: Math.max(1, Math.min(4, Math.floor(samples / 4))),
  };
}

/** Sizes of the fields of a file. */
export interface FieldShape {
  readonly samples: number;
  readonly time: number;
  /** Points along each space axis. */
  readonly space: readonly number[];
  /** Fields that are given and don't change with time. */
  readonly statics: number;
}

/**
 * A run file to start from for a model of fields.
 * @param options.found what the data set holds, and the settings that read it; absent: it is not known, and usual settings are written
 * @param options.refusal why its content could not be read as fields, for the reader of the run file
 */
export function starterRunFile(options: {
  schema: string;
  dataset: string;
  weights?: string | undefined;
  found?: { readonly settings: Readonly<Record<string, unknown>>; readonly shape: FieldShape } | undefined;
  refusal?: string | undefined;
}): string {
  const { schema, dataset, weights, found, refusal } = options;
  const scalar = (value: unknown) => stringify(value, { collectionStyle: 'flow' }).trim();
  const weightsLine = weights === undefined ? '# weights: pretrained.safetensors' : `weights: ${scalar(weights)}`;
  const fits = found && settingsFor(found.shape);
  const { family = 'fno1d', modes = usualModes, window = usualWindow, batchSize = 4 } = fits ?? {};
  // The window has a line of its own.
  const { format = 'pdebench', window: _, ...described } = found?.settings ?? {};
  const lines = [
    ...(refusal === undefined ? [] : refusal.split('\n').map((line) => `# ${line.trim()}`)),
    `format: ${format}`,
    `path: ${scalar(dataset)}`,
    ...(found ? [`# It holds ${fieldsInWords(found.shape)}.`] : []),
    ...Object.entries(described).map(([key, value]) => `${key}: ${scalar(value)}`),
    ...(fits && fits.stride > 1 ? [`subsample: { space: ${fits.stride} } # every how many points`] : []),
    ...(window === 0
      ? ['window: 0 # a static map: nothing of what is predicted is given']
      : [
          `window: ${window} # time steps the model is given`,
          `rolloutSteps: ${fits?.rolloutSteps ?? 'all'} # time steps it has to predict`,
        ]),
  ];
  return `${schemaComment(schema)}
# Every setting, with its default: docs/run-file.md

model:
  family: ${family} # docs/models.md has others
  ${weightsLine}
  modes: ${modes}
  width: 20

dataset:
${lines.map((line) => `  ${line}`).join('\n')}

training:
  epochs: 20
  batchSize: ${batchSize}
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

/** `16 samples of 10 time steps on 64 x 64 points, and 1 field that is given` */
function fieldsInWords({ samples, time, space, statics }: FieldShape): string {
  const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  const given = statics > 0 ? `, and ${counted(statics, 'field')} that ${statics === 1 ? 'is' : 'are'} given` : '';
  return `${counted(samples, 'sample')} of ${counted(time, 'time step')} on ${space.join(' x ')} points${given}`;
}
