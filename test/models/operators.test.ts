import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import {
  type Engine,
  type NamedTensors,
  runOnce,
  type Tensor,
  type TensorLibrary,
} from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { inputsOf } from '../../shared/models/model.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount } from '../../shared/tensors/tensor.ts';
import { wholeOfTucker } from '../../shared/tensors/tucker.ts';
import { lossAndGradients } from '../../shared/training/gradients.ts';
import { type OperatorFixture, operatorFixtureNames, readOperatorFixture } from '../support/operator-fixture.ts';

const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));
const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  largest(Array.from(a, (value, index) => value - b[index]!));

/** Each step predicted from those before it and from the static fields, `[batch, ...space, channels]` each. */
function predictions(
  tf: TensorLibrary,
  { model, expected }: OperatorFixture,
  parameters: NamedTensors,
  values: Tensor,
  statics: Tensor,
  grid: Tensor,
): Tensor[] {
  const { window, channels, steps, space } = expected;
  const forward = model.forward(tf, parameters, grid);
  const rows = (x: Tensor) => tf.reshape(x, [-1, x.shape.slice(1 + space.length).reduce((all, size) => all * size, 1)]);
  let past = window > 0 ? [tf.slice(rows(values), [0, 0], [-1, window * channels])] : [];
  const predicted: Tensor[] = [];
  for (let step = 0; step < steps; step++) {
    const parts = [...past, ...(expected.statics > 0 ? [rows(statics)] : [])];
    const given = parts.length === 1 ? parts[0]! : tf.concat(parts, 1);
    const next = forward(tf.reshape(given, [values.shape[0]!, ...space, -1]));
    predicted.push(next);
    past = past.map((flat) =>
      tf.concat([tf.slice(flat, [0, channels], [-1, -1]), tf.reshape(next, [-1, channels])], 1),
    );
  }
  return predicted;
}

const cases = availableEngines().flatMap((engineName) => operatorFixtureNames.map((name) => ({ name, engineName })));

describe.each(cases)('$name on $engineName agrees with the reference', ({ name, engineName }) => {
  let engine: Engine;
  let fixture: OperatorFixture;
  beforeAll(async () => {
    engine = await openEngine(engineName);
    fixture = await readOperatorFixture(name);
  });

  it('names its parameters, with their shapes, as the stored model does', () => {
    expect(new Map(fixture.model.parameters.map(({ name, shape }) => [name, shape]))).toEqual(
      new Map([...fixture.parameters].map(([name, { shape }]) => [name, shape])),
    );
  });

  it('in predictions, loss and gradients', async () => {
    const { window, channels, steps } = fixture.expected;
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/values': values, '/statics': statics, '/grid': grid, ...parameters } }) => {
        const times = tf.reshape(values!, [-1, window + steps, channels]);
        const objective = (current: NamedTensors) =>
          predictions(tf, fixture, current, values!, statics!, grid!)
            .map((each, step) => {
              const target = tf.reshape(tf.slice(times, [0, window + step, 0], [-1, 1, -1]), each.shape);
              return tf.mean(tf.square(tf.sub(each, target)));
            })
            .reduce((sum, loss) => tf.add(sum, loss) as Tensor);
        const { loss, gradients } = lossAndGradients(tf, objective, parameters);
        const predicted = tf.stack(
          predictions(tf, fixture, parameters, values!, statics!, grid!),
          fixture.expected.space.length + 1,
        );
        return { results: { '/loss': loss, '/predicted': predicted, ...gradients } };
      },
      new Map([
        ...fixture.parameters,
        ...['values', 'grid'].map((input) => [`/${input}`, fixture.inputs.get(input)!] as const),
        ...(fixture.expected.statics > 0 ? [['/statics', fixture.inputs.get('statics')!] as const] : []),
      ]),
    );
    const predicted = results.get('/predicted')!;
    expect(predicted.shape).toEqual(fixture.predicted.shape);
    expect(difference(predicted.data, fixture.predicted.data) / largest(fixture.predicted.data)).toBeLessThan(1e-5);
    expect(Math.abs(results.get('/loss')!.data[0]! / fixture.expected.loss - 1)).toBeLessThan(2e-6);
    expect([...fixture.gradients.keys()].sort()).toEqual(fixture.model.parameters.map(({ name }) => name).sort());
    for (const [parameter, { data }] of fixture.gradients) {
      expect(difference(results.get(parameter)!.data, data), parameter).toBeLessThan(2e-5 * largest(data) + 1e-8);
    }
  });
});

describe.each(operatorFixtureNames)('%s', (name) => {
  it('gives every weight that is a matrix its layer', async () => {
    const { model } = await readOperatorFixture(name);
    const names = model.parameters.map((parameter) => parameter.name);
    expect(model.layers.flatMap(({ weights }) => weights).filter((weight) => !names.includes(weight))).toEqual([]);
    const weights = new Set(model.layers.flatMap((layer) => layer.weights));
    const layers = new Set(model.layers.map((layer) => layer.name));
    for (const { name, shape, layer } of model.parameters) {
      if (layer !== undefined) expect(layers.has(layer), name).toBe(true);
      const sides = shape.filter((side) => side > 1).length;
      if (sides > 1 && shape[0]! > 1) expect(weights.has(name), name).toBe(true);
    }
  });

  it('draws every parameter from the seed', async () => {
    const { model } = await readOperatorFixture(name);
    const values = model.initialise(randomFor(1, 'initialise'));
    expect([...values.keys()]).toEqual(model.parameters.map(({ name }) => name));
    for (const { name, shape } of model.parameters) {
      expect(values.get(name)!.shape).toEqual(shape);
      expect(values.get(name)!.data.length).toBe(elementCount(shape));
      expect(values.get(name)!.data.every(Number.isFinite)).toBe(true);
    }
    expect(model.initialise(randomFor(1, 'initialise'))).toEqual(values);
    expect(model.initialise(randomFor(2, 'initialise'))).not.toEqual(values);
  });

  it('counts the operations of a forward pass', async () => {
    const { model, expected } = await readOperatorFixture(name);
    const given = elementCount(expected.space) * inputsOf({ kind: 'trajectories', ...expected });
    expect(Number.isSafeInteger(model.forwardFlops)).toBe(true);
    expect(model.forwardFlops).toBeGreaterThan(2 * given);
  });
});

describe('what a forward pass takes', () => {
  const of = (settings: object, format: object) =>
    buildModel(fieldModelSchema.parse(settings), { kind: 'trajectories', channels: 2, window: 3, ...format } as never);

  it('is counted by hand for neuralop-fno', () => {
    const [points, width, kept] = [16, 4, 3];
    const { forwardFlops, activations } = of(
      { family: 'neuralop-fno', width, modes: 4, blocks: 2 },
      { space: [points] },
    );
    const lifting = 6 * 8 + 8 * 4;
    const block = 4 * 4 + 2 * (4 * 2);
    const projection = 4 * 8 + 8 * 2;
    const transforms = 2 * width * (2 * (2 * kept) * points);
    const spectral = transforms + 8 * width * width * kept;
    expect(forwardFlops).toBe(2 * points * (lifting + 2 * block + projection) + 2 * spectral);
    // A block keeps what it is given and its sum, and three numbers of each GELU but the input of which the next one is the result.
    const first = 4 + 2 * 4 + 4 + 3 * 2 + 2 * 4;
    const last = 4 + 4 + 3 * 2;
    expect(activations).toBe(points * (6 + 3 * 8 + first + last + 4 + 3 * 8) + 2 * (2 * width * kept));
  });

  it('is counted by hand for deeponet, whose trunk is computed once a roll-out', () => {
    const settings = { family: 'deeponet', width: 5, depth: 2, basis: 4, activation: 'tanh' };
    const { forwardFlops, activations, once } = of(settings, { space: [3, 2] });
    const branch = 36 * 5 + 5 * 5 + 5 * 8;
    expect(forwardFlops).toBe(2 * (branch + 6 * 4 * 2));
    expect(activations).toBe(36 + 2 * 5 + 8);
    expect(once).toEqual({ flops: 2 * 6 * (2 * 5 + 5 * 5 + 5 * 4), activations: 6 * (2 * 5 + 4) });
    const gelu = of({ ...settings, activation: 'gelu' }, { space: [3, 2] });
    expect(gelu.activations).toBe(36 + 3 * 2 * 5 + 8);
  });
});

describe('tfno', () => {
  it('draws factors whose whole weight varies as that of neuralop-fno', () => {
    const rootMeanSquare = (family: string) => {
      const settings = { family, width: 16, modes: [12, 12], blocks: 1, ...(family === 'tfno' ? { rank: 0.4 } : {}) };
      const format = { kind: 'trajectories', space: [16, 16], channels: 1, window: 1 } as const;
      const { initialise, layers } = buildModel(fieldModelSchema.parse(settings), format);
      const values = initialise(randomFor(1, 'initialise'));
      const { weights } = layers.find(({ kind }) => kind === 'spectralConv')!;
      const [first, ...factors] = weights.map((name) => values.get(name)!);
      const data = Float64Array.from((factors.length > 0 ? wholeOfTucker(first!, factors) : first!).data);
      return Math.sqrt((2 * data.reduce((sum, value) => sum + value * value, 0)) / data.length);
    };
    expect(rootMeanSquare('neuralop-fno')).toBeCloseTo(1 / 4, 2);
    expect(Math.abs(rootMeanSquare('tfno') / 0.25 - 1)).toBeLessThan(0.3);
  });
});
