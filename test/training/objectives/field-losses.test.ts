import { beforeAll, describe, expect, it } from 'vitest';
import { type Engine, type NamedTensors, runOnce, type Tensor } from '../../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { readPretrained } from '../../../shared/models/pretrained.ts';
import { buildModel, fieldModelSchema } from '../../../shared/models/registry.ts';
import { fileSource } from '../../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../../shared/tensors/safetensors.ts';
import { elementCount, type HostTensor, type HostTensors } from '../../../shared/tensors/tensor.ts';
import { lossAndGradients } from '../../../shared/training/gradients.ts';
import { type FieldLossName, fieldLoss } from '../../../shared/training/objectives/field-losses.ts';
import { rolloutLoss, type TrainingMode } from '../../../shared/training/objectives/rollout.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';

interface Expected {
  readonly losses: readonly {
    readonly name: FieldLossName;
    readonly space: readonly number[];
    readonly lengths: readonly number[];
    readonly periodic: readonly boolean[] | null;
    readonly loss: number;
  }[];
  readonly modes: readonly {
    readonly mode: TrainingMode;
    readonly unrollSteps: number | null;
    readonly loss: number;
    readonly gradientNorms: Readonly<Record<string, number>>;
  }[];
}

const read = async (...path: string[]): Promise<HostTensors> =>
  (await openSafetensors(await fileSource(fixturePath('models', ...path)))).readAll();
const expected = await readJsonFixture<Expected>('models', 'losses', 'expected.json');
const tensors = await read('losses', 'expected.safetensors');

/** Evenly spaced coordinates on periodic axes of these lengths. */
function gridOf(space: readonly number[], lengths: readonly number[]) {
  const values = new Float32Array(elementCount(space) * space.length);
  for (let point = 0; point < elementCount(space); point++) {
    for (const [axis, points] of space.entries()) {
      const place = Math.floor(point / elementCount(space.slice(axis + 1))) % points;
      values[point * space.length + axis] = (place * lengths[axis]!) / points;
    }
  }
  return { shape: [...space, space.length], values };
}

const difference = (found: HostTensor, wanted: HostTensor) =>
  Math.max(...found.data.map((value, index) => Math.abs(value - wanted.data[index]!)));
const norm = ({ data }: HostTensor) => Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));

describe.each(availableEngines())('on the engine %s', (engineName) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it.each(expected.losses.map((each, index) => ({ ...each, index })))(
    '$name of fields on $space points, periodic $periodic, and its gradient, are those of PyTorch',
    async ({ name, space, lengths, periodic, loss, index }) => {
      const target = tensors.get(`target_${space.length}`)!;
      const shape = [target.shape[0]!, elementCount(space), target.shape.at(-1)!];
      const compute = fieldLoss({ loss: name, periodic: periodic ?? undefined }, gridOf(space, lengths));
      const results = await runOnce(
        engine,
        (tf, { inputs: { predicted, target } }) => {
          const { loss, gradients } = lossAndGradients(
            tf,
            ({ predicted }) => compute(tf, tf.reshape(predicted!, shape), tf.reshape(target!, shape)),
            { predicted: predicted! },
          );
          return { results: { loss, ...gradients } };
        },
        new Map([
          ['predicted', tensors.get(`predicted_${space.length}`)!],
          ['target', target],
        ]),
      );
      expect(Math.abs(results.get('loss')!.data[0]! / loss - 1)).toBeLessThan(2e-6);
      expect(difference(results.get('predicted')!, tensors.get(`gradient_${index}`)!)).toBeLessThan(1e-6);
    },
  );

  it('relativeL2 has a gradient of zero, but for rounding, where the prediction is exact', async () => {
    const compute = fieldLoss({ loss: 'relativeL2' }, gridOf([4], [1]));
    const results = await runOnce(
      engine,
      (tf, { inputs: { fields } }) => ({
        results: lossAndGradients(tf, ({ fields: x }) => compute(tf, x!, fields!), { fields: fields! }).gradients,
      }),
      new Map([['fields', { shape: [1, 4, 1], data: Float32Array.of(1, 2, 3, 4) }]]),
    );
    expect(norm(results.get('fields')!)).toBeLessThan(1e-15);
  });

  it.each(expected.modes.map((each, index) => ({ ...each, index })))(
    '$mode of $unrollSteps steps trains a U-Net as PDEBench: loss, gradients, running statistics',
    async ({ mode, unrollSteps, loss, gradientNorms, index }) => {
      const config = fieldModelSchema.parse({ family: 'unet1d', initFeatures: 3 });
      const model = buildModel(config, { kind: 'trajectories', space: [32], channels: 2, window: 3 });
      const stored = await readPretrained(fixturePath('models', 'unet1d', 'model.safetensors'), model);
      const values = (await read('unet1d', 'inputs.safetensors')).get('values')!;
      const names = model.state!.map(({ name }) => name);
      const of = (all: NamedTensors, isState: boolean) =>
        Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name) === isState));
      const results = await runOnce(
        engine,
        (tf, { inputs: { '/grid': grid, '/values': given, ...all } }) => {
          const state: Record<string, Tensor> = of(all, true);
          const objective = (current: NamedTensors) => {
            const batch = { values: given!, grid: grid! };
            const settings = { mode, unrollSteps: unrollSteps ?? undefined };
            const found = rolloutLoss(tf, model, current, 3, batch, state, settings);
            for (const name of names) tf.keep(state[name]!);
            return found;
          };
          const { loss, gradients } = lossAndGradients(tf, objective, of(all, false));
          return { results: { '/loss': loss, ...gradients, ...state } };
        },
        new Map([
          ...stored,
          ['/grid', { shape: [32, 1], data: new Float32Array(32) }] as const,
          ['/values', values] as const,
        ]),
      );
      expect(Math.abs(results.get('/loss')!.data[0]! / loss - 1)).toBeLessThan(2e-6);
      for (const [name, wanted] of Object.entries(gradientNorms)) {
        expect(Math.abs(norm(results.get(name)!) / wanted - 1), name).toBeLessThan(1e-4);
      }
      for (const name of names) {
        expect(difference(results.get(name)!, tensors.get(`mode_${index}/${name}`)!), name).toBeLessThan(3e-6);
      }
    },
  );
});

describe('h1', () => {
  it('is refused on unevenly spaced points, on too few, and with too many entries of periodic', () => {
    const on = (values: readonly number[], periodic: boolean | readonly boolean[] = true) =>
      fieldLoss({ loss: 'h1', periodic }, { shape: [values.length, 1], values: Float32Array.from(values) });
    expect(() => on([0, 1, 3, 4])).toThrow(/evenly spaced points/);
    expect(() => on([0, 1, 2], false)).toThrow(/at least 4 points/);
    expect(() => on([0, 1, 2, 3], [true, false])).toThrow(/has 2 entries, and the data 1 space axes/);
  });
});
