import { beforeAll, describe, expect, it } from 'vitest';
import type { NamedTensors, Tensor, TensorLibrary } from '../../../shared/engines/engine.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

const square = { x: { shape: [2, 2], dtype: 'float32' } } as const;

const traceSquare = (step: (x: Tensor) => NamedTensors, largestConstant?: number) =>
  trace(tf, ({ x }) => step(x!), square, largestConstant === undefined ? {} : { largestConstant });

describe('trace', () => {
  it('knows names and shapes of what comes in and out', () => {
    const traced = trace(tf, ({ a, b }) => ({ product: tf.matMul(a!, b!), both: tf.sum(tf.add(a!, b!)) }), {
      a: { shape: [3, 3], dtype: 'float32' },
      b: { shape: [3, 3], dtype: 'float32' },
    });
    expect(traced.inputs).toEqual(['a', 'b']);
    expect(traced.outputs).toEqual({
      product: { shape: [3, 3], dtype: 'float32' },
      both: { shape: [], dtype: 'float32' },
    });
  });

  it('drops what no output depends on, inputs included', () => {
    const one = { shape: [2], dtype: 'float32' } as const;
    const lean = trace(tf, ({ a }) => ({ out: tf.exp(a!) }), { a: one });
    const wasteful = trace(
      tf,
      ({ a, b }) => {
        tf.matMul(tf.reshape(b!, [1, 2]), tf.tensor2d([1, 2, 3, 4], [2, 2]));
        return { out: tf.exp(a!) };
      },
      { a: one, b: one },
    );
    expect(wasteful.inputs).toEqual(['a']);
    expect(wasteful.model.length).toBeLessThan(lean.model.length + 16);
  });

  it('writes a constant that is the same all over as one number', () => {
    const { model } = trace(tf, ({ x }) => ({ out: tf.mul(x!, tf.fill([1000, 1000], 3)) }), {
      x: { shape: [1000, 1000], dtype: 'float32' },
    });
    expect(model.length).toBeLessThan(1000);
  });

  it('reshapes what was reshaped before from what it was at first, and not at all to the same', () => {
    const operators = (step: (x: Tensor) => Tensor) =>
      traceSquare((x) => ({ out: tf.exp(step(x)) })).graph.nodes.map(({ operator }) => operator);
    expect(operators((x) => tf.reshape(tf.reshape(x, [4]), [1, 4]))).toEqual(['Reshape', 'Exp']);
    expect(operators((x) => tf.reshape(tf.reshape(x, [4]), [2, 2]))).toEqual(['Exp']);
  });

  it('leaves the library as it was, whether the step can be compiled or not', () => {
    const before = { backend: tf.getBackend(), memory: tf.memory() };
    const unchanged = () => {
      expect(tf.getBackend()).toBe(before.backend);
      expect(tf.memory()).toEqual(before.memory);
      expect(tf.getKernelsForBackend('onnx-trace')).toEqual([]);
      expect(tf.findBackend('onnx-trace')).toBeNull();
    };
    traceSquare((x) => ({ out: tf.grad((y) => tf.sum(tf.square(y)))(x) }));
    unchanged();
    expect(() => traceSquare((x) => ({ out: tf.einsum('ij->ji', x) }))).toThrow();
    unchanged();
  });

  it('names a kernel that it has no recorder for', () => {
    expect(() => traceSquare((x) => ({ out: tf.einsum('ij->ji', x) }))).toThrow(
      /the kernel Einsum can't be compiled[\s\S]*shared\/engines\/onnx\/kernels[\s\S]*wasm/,
    );
  });

  it('refuses a step that reads numbers', () => {
    const reading = /reads a tensor's numbers[\s\S]*tensor operations/;
    expect(() => traceSquare((x) => ({ out: tf.mul(x, x.dataSync()[0]!) }))).toThrow(reading);
  });

  it('refuses a tensor that was made outside of the step, which stays usable', () => {
    const outside = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect(() => traceSquare((x) => ({ out: tf.add(x, outside) }))).toThrow(/made outside of it[\s\S]*fixed tensor/);
    expect([...outside.dataSync()]).toEqual([1, 2, 3, 4]);
    outside.dispose();
  });

  it('bakes in large constants only where that is allowed', () => {
    const step = (x: Tensor) => ({ out: tf.add(x, tf.tensor2d([1, 2, 3, 4], [2, 2])) });
    expect(() => traceSquare(step, 15)).toThrow(/a constant of shape \[2, 2\][\s\S]*fixed tensor/);
    expect(traceSquare(step, 16).inputs).toEqual(['x']);
  });
});
