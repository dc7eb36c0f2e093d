import { beforeAll, describe, expect, it } from 'vitest';
import { type Engine, runOnce, type Step, type Tensor, type TensorLibrary } from '../../../shared/engines/engine.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { leastDevice } from '../../../shared/engines/onnx/webgpu/for-device.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { layerNorm, rmsNorm } from '../../../shared/models/blocks/norm.ts';

const [rows, size] = [6, 40];

let onnx: Engine;
let plain: Engine;
beforeAll(async () => {
  [onnx, plain] = [await openEngine('onnx'), await openEngine('cpu')];
});

type Norm = (tf: TensorLibrary, x: Tensor, weight: Tensor, bias: Tensor) => Tensor;

const norms: readonly (readonly [string, Norm])[] = [
  ['layer norm', (tf, x, weight, bias) => layerNorm(tf, x, weight, bias, 1e-5)],
  ['layer norm without a bias', (tf, x, weight) => layerNorm(tf, x, weight, undefined, 1e-5)],
  ['root-mean-square norm', (tf, x, weight) => rmsNorm(tf, x, weight, 1e-6)],
];

const forward =
  (norm: Norm): Step =>
  (tf, { inputs: { x, weight, bias } }) => ({ results: { y: norm(tf, tf.mul(x!, 2), weight!, bias!) } });

const gradients =
  (norm: Norm): Step =>
  (tf, { inputs: { x, weight, bias } }) => {
    const loss = (rows: Tensor, scale: Tensor, offset: Tensor): Tensor =>
      tf.sum(tf.sin(tf.add(norm(tf, rows, scale, offset), offset)));
    const [ofRows, ofWeight, ofBias] = tf.grads(loss as never)([x!, weight!, bias!]);
    return { results: { ofRows: ofRows!, ofWeight: ofWeight!, ofBias: ofBias! } };
  };

const waves = (shape: readonly number[], from: number, mean: number) => ({
  shape,
  data: Float32Array.from(
    { length: shape.reduce((all, each) => all * each) },
    (_, at) => mean + Math.sin(from + at * at),
  ),
});
const inputs = (mean: number) =>
  new Map([
    ['x', waves([rows, size], 1, mean)],
    ['weight', waves([size], 2, 1)],
    ['bias', waves([size], 3, 0)],
  ]);

function operatorsOf(step: Step, onDevice = false): string[] {
  const specs = Object.fromEntries(
    [...inputs(0)].map(([name, { shape }]) => [name, { shape, dtype: 'float32' as const }]),
  );
  const flat = (given: Parameters<Step>[1]['inputs']) =>
    step(onnx.tf, { fixed: {}, carried: {}, inputs: given }).results;
  const { graph } = trace(onnx.tf, flat, specs, onDevice ? { device: leastDevice } : {});
  return graph.nodes.map(({ operator }) => operator);
}

const partsOfNorms = ['ReduceMean', 'Sqrt', 'Reciprocal'];

describe.each(norms)('a %s', (_, norm) => {
  it.each([0, 30])(
    'and its gradients are what the plain engine computes, also of rows with a mean of %d',
    async (mean) => {
      for (const step of [forward(norm), gradients(norm)]) {
        const [computed, expected] = [
          await runOnce(onnx, step, inputs(mean)),
          await runOnce(plain, step, inputs(mean)),
        ];
        for (const [name, { data }] of expected) {
          const worst = data.reduce(
            (most, value, at) => Math.max(most, Math.abs(value - computed.get(name)!.data[at]!)),
            0,
          );
          expect(worst).toBeLessThan(2e-5);
        }
      }
    },
  );

  it('is one operator where nothing else reads the divided rows', () => {
    expect(operatorsOf(forward(norm)).filter((operator) => operator !== 'Mul')).toEqual([
      norm === norms[2]![1] ? 'SimplifiedLayerNormalization' : 'LayerNormalization',
    ]);
    expect(operatorsOf(forward(norm))).toHaveLength(2);
  });

  it('is one operator beside its gradients, which read what rows are divided by', () => {
    const operators = operatorsOf(gradients(norm));
    expect(operators.filter((operator) => operator.endsWith('LayerNormalization'))).toHaveLength(1);
    expect(operators.filter((operator) => partsOfNorms.includes(operator))).toEqual([]);
  });
});

it('on a GPU is given rows without their mean, and stays as it is where its second result would be wrong', () => {
  const [layer, , root] = norms.map(([, norm]) => norm);
  expect(operatorsOf(gradients(layer!), true).filter((each) => partsOfNorms.includes(each))).toEqual(['ReduceMean']);
  expect(operatorsOf(forward(root!), true)).toEqual(['Mul', 'SimplifiedLayerNormalization']);
  expect(operatorsOf(gradients(root!), true)).not.toContain('SimplifiedLayerNormalization');
});

it('is left alone where the mean is not that of the last axis', () => {
  const first: Step = (tf, { inputs: { x } }) => {
    const centred = tf.sub(x!, tf.mean(x!, 0, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 0, true), 1e-5));
    return { results: { y: tf.mul(centred, inverse) } };
  };
  expect(operatorsOf(first)).not.toContain('LayerNormalization');
});
