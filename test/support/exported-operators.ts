/** A small model of each family as runs export it, with weights and fields drawn from a seed, and what our own engine predicts. */
import { type Random, randomFor } from '../../shared/core/random.ts';
import { gridOf } from '../../shared/datasets/field-grid.ts';
import { runOnce } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { fieldModelSchema } from '../../shared/models/registry.ts';
import { type ModelRecord, modelOfRun, type RunModel } from '../../shared/pipeline/run-model.ts';
import { elementCount, type HostTensor, type HostTensors } from '../../shared/tensors/tensor.ts';
import { predictRollout } from '../../shared/training/objectives/rollout.ts';

interface Sizes {
  readonly space: readonly number[];
  readonly channels: number;
  readonly window: number;
  readonly statics: number;
}

/** The settings of a model, and the sizes of its data. */
export type OperatorCase = readonly [
  settings: { readonly family: string } & Readonly<Record<string, unknown>>,
  sizes: Sizes,
];

/** Every family, and what changes its forward pass; static maps have a window of 0. */
export const operatorCases: readonly OperatorCase[] = [
  [
    { family: 'fno1d', modes: 5, width: 7, projection: 9 },
    { space: [24], channels: 2, window: 3, statics: 0 },
  ],
  [
    { family: 'fno2d', modes: [3, 4], width: 6, padding: [2, 0] },
    { space: [12, 10], channels: 1, window: 2, statics: 1 },
  ],
  [
    { family: 'fno2d', modes: 3, width: 6, projection: 8 },
    { space: [10, 12], channels: 1, window: 0, statics: 2 },
  ],
  [
    { family: 'fno3d', modes: [2, 3, 3], width: 4, blocks: 2 },
    { space: [6, 8, 7], channels: 2, window: 1, statics: 0 },
  ],
  [
    { family: 'neuralop-fno', modes: 6, width: 6 },
    { space: [16], channels: 2, window: 2, statics: 0 },
  ],
  [
    { family: 'neuralop-fno', modes: [5, 4], width: 6, positions: 'data' },
    { space: [10, 9], channels: 1, window: 0, statics: 2 },
  ],
  [
    { family: 'tfno', modes: [4, 6], width: 8, rank: 0.4 },
    { space: [9, 12], channels: 1, window: 2, statics: 1 },
  ],
  [
    { family: 'tfno', modes: [4, 3, 4], width: 4, rank: 0.5, blocks: 2 },
    { space: [6, 5, 8], channels: 1, window: 1, statics: 0 },
  ],
  [
    { family: 'deeponet', width: 12, depth: 2, basis: 8 },
    { space: [7, 6], channels: 2, window: 2, statics: 1 },
  ],
  [
    { family: 'unet1d', initFeatures: 3 },
    { space: [32], channels: 2, window: 2, statics: 1 },
  ],
  [
    { family: 'unet2d', initFeatures: 2 },
    { space: [16, 32], channels: 1, window: 0, statics: 1 },
  ],
  [
    { family: 'dpot', patchSize: 4, embedDim: 16, depth: 2, nBlocks: 2, modes: 3, outLayerDim: 8 },
    { space: [16, 16], channels: 2, window: 3, statics: 0 },
  ],
  [
    { family: 'dpot', patchSize: 4, embedDim: 16, depth: 1, nBlocks: 4, timeAgg: 'mlp', act: 'silu', normalize: true },
    { space: [12, 12], channels: 1, window: 2, statics: 0 },
  ],
];

export interface ExportedOperator {
  readonly run: RunModel;
  readonly weights: HostTensors;
  /** `past`, `statics` */
  readonly given: HostTensors;
  /** The next time step `[batch, ...space, channels]`. */
  readonly next: HostTensor;
  /** A roll-out `[batch, ...space, steps, channels]`. */
  readonly predicted: HostTensor;
}

const steps = 2;

const filled = (shape: readonly number[], draw: (index: number) => number): HostTensor => ({
  shape,
  data: Float32Array.from({ length: elementCount(shape) }, (_, index) => draw(index)),
});

/** The record of a run with such a model; its normaliser, unlike 0 and 1, is another for each field. */
export function operatorRecord(
  [settings, { space, channels, window, statics }]: OperatorCase,
  coordinates: boolean,
): ModelRecord {
  const names = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}${index}`);
  const scales = (count: number) => ({
    shift: Array.from({ length: count }, (_, index) => 0.3 - 0.2 * index),
    scale: Array.from({ length: count }, (_, index) => 2 + index),
  });
  const axes = space.map((points, axis) => {
    const values = Array.from({ length: points }, (_, index) => Math.fround((axis + 1) * 0.3 * index - 1));
    return { axis: 'xyz'[axis]!, points, inFile: true, from: values[0]!, to: values.at(-1)!, values };
  });
  return {
    config: { model: fieldModelSchema.parse(settings), dataset: { window } } as never,
    dataset: {
      space,
      channels: names(channels, 'u'),
      ...(statics > 0 ? { statics: names(statics, 'a') } : {}),
      window,
      rolloutSteps: steps,
      ...(coordinates ? { coordinates: axes } : {}),
      normaliser: { kind: 'unitGaussian', channels: scales(channels), statics: scales(statics) },
    },
  };
}

/** Values about those that the model begins with, so that all of them count; variances stay above 0. */
function drawWeights(run: RunModel, random: Random): HostTensors {
  const initial = run.fields!.model.initialise(random);
  return new Map(
    [...initial].map(([name, { shape, data }]) => {
      const moved = (index: number) => data[index]! + 0.2 * random.normal();
      return [name, filled(shape, name.endsWith('running_var') ? (index) => Math.abs(moved(index)) + 0.5 : moved)];
    }),
  );
}

/** The model with weights, some fields, and the next step by the engine `cpu`. */
export async function exportedOperator(each: OperatorCase, batch = 2): Promise<ExportedOperator> {
  const [settings, { space, channels, window, statics }] = each;
  const run = modelOfRun(operatorRecord(each, true));
  const random = randomFor(11, JSON.stringify(settings));
  const weights = drawWeights(run, random);
  const fields = (...last: number[]) => filled([batch, ...space, ...last], () => 1 + random.normal());
  const given = new Map([
    ...(window > 0 ? [['past', fields(window, channels)] as const] : []),
    ...(statics > 0 ? [['statics', fields(statics)] as const] : []),
  ]);
  const { values, shape } = gridOf(run.fields!.coordinates!.map((axis) => Float32Array.from(axis.values!)));
  const results = await runOnce(
    await openEngine('cpu'),
    (tf, { inputs: { '/past': past, '/statics': still, '/grid': grid, ...parameters } }) => {
      const start = { past, statics: still };
      const predict = (count: number) => predictRollout(tf, run.fields!.model, parameters, start, grid!, count);
      return { results: { next: predict(1), predicted: predict(steps) } };
    },
    new Map([
      ...weights,
      ...[...given].map(([name, tensor]) => [`/${name}`, tensor] as const),
      ['/grid', { shape, data: values }],
    ]),
  );
  return { run, weights, given, next: results.get('next')!, predicted: results.get('predicted')! };
}

/** The largest difference, in parts of how far the expected values reach. */
export function largestDifference(values: ArrayLike<number>, expected: ArrayLike<number>): number {
  const most = (numbers: number[]) => numbers.reduce((all, value) => Math.max(all, value), Number.NEGATIVE_INFINITY);
  const all = Array.from(expected, Number);
  const reach = most(all) + most(all.map((value) => -value));
  return most(all.map((value, index) => Math.abs(value - values[index]!))) / reach;
}
