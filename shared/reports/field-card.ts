import type { Normaliser } from '../datasets/normaliser.ts';
import type { ExportDtype } from '../models/hugging-face/export-precision.ts';
import { formatNumber } from './format.ts';
import { fenced, inline, markdownTable } from './markdown.ts';
import type { RunReport } from './report-input.ts';

/** The files beside a card. */
export interface ExportedWith {
  /** Whether `model.onnx` is. */
  readonly onnx: boolean;
  /** The number type of the weights. */
  readonly dtype: ExportDtype;
}

/** The parts of a card that depend on the kind of model. */
export interface CardOfKind {
  /** The front matter, as Hugging Face's hub reads it. */
  frontMatter(run: RunReport): Readonly<Record<string, unknown>>;
  /** The inputs and outputs of the model; absent: they are described elsewhere. */
  tensors?(run: RunReport): string;
  loading(run: RunReport, files: ExportedWith): string;
  limits(run: RunReport): string;
}

/** What the validation metrics are worth, and what the test metrics are. */
export const chosenOn = ({ test }: RunReport): string =>
  test
    ? 'The best epoch was chosen on the same validation data that the validation metrics above are given for, so those flatter the model a little. The test metrics do not: it was neither trained nor chosen on those data.'
    : 'The best epoch was chosen on the same validation data that the metrics above are given for, so they flatter the model a little.';

/** JavaScript that reads `model.safetensors` without any package. */
export const readTensors = `import { readFile } from 'node:fs/promises';

const file = await readFile('model.safetensors');
const headerEnd = 8 + Number(file.readBigUInt64LE(0));
const { __metadata__, ...entries } = JSON.parse(file.toString('utf8', 8, headerEnd));
const tensors = Object.fromEntries(
  Object.entries(entries).map(([name, { shape, data_offsets: [start, end] }]) => {
    const bytes = Uint8Array.from(file.subarray(headerEnd + start, headerEnd + end));
    return [name, { shape, data: new Float32Array(bytes.buffer) }]; // for dtype F32
  }),
);`;

/** What a run's record says of its fields; parts are absent where an earlier version noted none. */
interface CardFields {
  readonly space?: readonly number[];
  readonly channels?: readonly string[];
  readonly statics?: readonly string[];
  readonly window?: number;
  readonly rolloutSteps?: number;
  /** The coordinates in words. */
  readonly coordinates?: string;
  readonly times?: string;
  readonly normaliser?: Normaliser;
}

const fieldsOf = ({ dataset }: RunReport): CardFields => dataset as CardFields;

const axisNames = ['x', 'y', 'z'];

/** `[batch, 64, 4, 1]` */
const shape = (...sizes: readonly (number | string)[]) => `\`[${sizes.join(', ')}]\``;

const named = (names: readonly string[]) => names.map(inline).join(', ');

function tensors(run: RunReport): string {
  const fields = fieldsOf(run);
  const {
    space = [],
    channels = [],
    statics = [],
    window = 0,
    rolloutSteps = 1,
    coordinates,
    times,
    normaliser,
  } = fields;
  const axes = space.length > 0 ? space : ['...space'];
  const along = axisNames.slice(0, space.length).join(', ');
  const lines = [
    ...(window > 0
      ? [
          `\`past\` ${shape('batch', ...axes, window, channels.length)}: the last ${window} time steps, the oldest first, of ${named(channels)}.`,
        ]
      : []),
    ...(statics.length > 0
      ? [
          `\`statics\` ${shape('batch', ...axes, statics.length)}: ${named(statics)}, which ${statics.length > 1 ? 'do' : 'does'} not change with time.`,
        ]
      : []),
    `\`next\` ${shape('batch', ...axes, channels.length)}: ${
      window > 0 ? `the next time step of ${named(channels)}` : named(channels)
    }. That is one call of the model.${
      window > 0
        ? ` It was trained and measured on ${rolloutSteps} steps, each from those that were predicted before it.`
        : ''
    }`,
    coordinates
      ? `Grid (${along}), which is fixed and in \`config.json\`: ${inline(coordinates)}.`
      : 'Grid: the coordinates are not on record, since an earlier version began the run.',
    ...(window > 0 ? [`Times: ${times ? inline(times) : 'not on record'}.`] : []),
    `Units: those of the data, in and out.${normaliser ? ` The model scales by itself (${normaliser.kind}): it computes with (value - shift) / scale.` : ''}`,
  ];
  return `${lines.map((line) => `- ${line}`).join('\n')}${normaliser ? `\n\n${scales(fields, normaliser)}` : ''}`;
}

function scales({ channels = [], statics = [] }: CardFields, normaliser: Normaliser): string {
  const rows = [
    ...channels.map((name, at) => [name, normaliser.channels.shift[at], normaliser.channels.scale[at]] as const),
    ...statics.map((name, at) => [name, normaliser.statics.shift[at], normaliser.statics.scale[at]] as const),
  ];
  return markdownTable(
    ['Field', 'Shift', 'Scale'],
    rows.map(([name, shift, scale]) => [inline(name), formatNumber(shift), formatNumber(scale)]),
  );
}

/** How the first time steps are cut out of a file with an array [samples, time, ...space] for each channel. */
function cutting(run: RunReport): string {
  const { channels = [], space = [], window = 0 } = fieldsOf(run);
  const { subsample } = (run.config.dataset ?? {}) as { subsample?: { time?: number; space?: number | number[] } };
  const every = (stride = 1) => (stride === 1 ? ':' : `::${stride}`);
  const { time = 1, space: strides = 1 } = subsample ?? {};
  const times = time === 1 ? `:${window}` : `:${window * time}:${time}`;
  const places = space.map((_, axis) => every(typeof strides === 'number' ? strides : strides[axis]));
  const taken = ['0:4', times, ...places].join(', ');
  return `# Out of an HDF5 file where each channel is [samples, time, ${axisNames.slice(0, space.length).join(', ')}]:
#   np.stack([np.moveaxis(file[name][${taken}], 1, -1) for name in ${JSON.stringify(channels)}], axis=-1)`;
}

/** A roll-out by onnxruntime. */
function onnxCode(run: RunReport): string {
  const { statics = [], window = 0, space = [] } = fieldsOf(run);
  const along = axisNames.slice(0, space.length).join(', ');
  const still = `statics = np.load("statics.npy").astype(np.float32)  # [samples, ${along}, ${statics.length}]`;
  const head = `import json

import numpy as np
import onnxruntime

config = json.load(open("config.json"))
session = onnxruntime.InferenceSession("model.onnx")
`;
  if (window === 0) {
    return `${head}
${still}
(predicted,) = session.run(["next"], {"statics": statics})
np.save("predicted.npy", predicted)  # [samples, ${along}, channels]`;
  }
  const given = statics.length > 0 ? '{"past": past, "statics": statics}' : '{"past": past}';
  return `${head}
# The first time steps [samples, ${along}, window, channels].
${cutting(run)}
past = np.load("past.npy").astype(np.float32)
${statics.length > 0 ? `${still}\n` : ''}predicted = []
for _ in range(config["rolloutSteps"]):
    (following,) = session.run(["next"], ${given})
    predicted.append(following)
    past = np.concatenate([past[..., 1:, :], following[..., None, :]], axis=-2)
np.save("predicted.npy", np.stack(predicted, axis=-2))  # [samples, ${along}, steps, channels]`;
}

/** The code that predicts in PyTorch. */
function torchCode(run: RunReport): string {
  const { statics = [], window = 0 } = fieldsOf(run);
  const load = (name: string) => `torch.from_numpy(np.load("${name}.npy")).float()`;
  const [past, still] = [`past = ${load('past')}`, `statics = ${load('statics')}`];
  const lines = [...(window > 0 ? [past] : []), ...(statics.length > 0 ? [still] : [])];
  const given = [
    ...(window > 0 ? ['past', 'steps=config["rolloutSteps"]'] : []),
    ...(statics.length > 0 ? ['statics=statics'] : []),
  ];
  return `import json

import numpy as np
import torch
from model import load

config = json.load(open("config.json"))
model = load(".")
${lines.join('\n')}
predicted = model.roll_out(${given.join(', ')})  # ${window > 0 ? 'steps' : 'one step'} behind the space axes
np.save("predicted.npy", predicted.numpy())`;
}

function loading(run: RunReport, { onnx }: ExportedWith): string {
  const byOnnx = onnx
    ? `With \`onnxruntime\` (1.20 or later) and \`numpy\`, any number of samples at a time. Weights, grid and normaliser are inside of \`model.onnx\`.

${fenced('python', onnxCode(run))}`
    : '`npx tempbalance export` writes `model.onnx` beside these files, where the model can be written so.';
  return `${byOnnx}

With PyTorch and \`safetensors\`, also to train on; \`model.py\` is the model, \`config.json\` has its sizes:

${fenced('python', torchCode(run))}

\`model.safetensors\` holds every tensor by name, little-endian. Complex spectral weights are stored with a last axis of two (real, imaginary). JavaScript,
without any package:

${fenced('js', readTensors)}`;
}

const LIMITS = `It was trained with little data: expect it to hold for fields, grids and parameters like those it was trained on, and measure before relying on it elsewhere.`;

/** The parts of the card of a model of fields. */
export const fieldCard: CardOfKind = {
  frontMatter({ config }) {
    const family = (config.model as { family?: unknown } | undefined)?.family;
    return {
      library_name: 'tempbalance',
      tags: ['tempbalance', 'safetensors', ...(typeof family === 'string' ? [family] : [])],
    };
  },
  tensors,
  loading,
  limits: (run) => `${chosenOn(run)} ${LIMITS}`,
};
