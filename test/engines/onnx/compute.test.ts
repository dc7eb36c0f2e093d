import { createRequire } from 'node:module';
import type { InferenceSession } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { computeInto } from '../../../shared/engines/onnx/compute.ts';
import { encodeStep } from '../../../shared/engines/onnx/encode.ts';
import { GraphBuilder } from '../../../shared/engines/onnx/graph.ts';
import { emptySequence } from '../../../shared/engines/onnx/roles.ts';

const runtime: typeof import('onnxruntime-node') = createRequire(import.meta.url)('onnxruntime-node');

const list = (...values: number[]) => new runtime.Tensor('float32', Float32Array.from(values), [values.length]);

/** Computes `square` and `twice` of `x`, of two numbers. */
function session(): Promise<InferenceSession> {
  const graph = new GraphBuilder(1024);
  const x = graph.input('x', { shape: [2], dtype: 'float32' });
  const outputs = { square: graph.node('Mul', [x, x], x), twice: graph.node('Add', [x, x], x) };
  return runtime.InferenceSession.create(encodeStep(graph.finish(outputs)));
}

it('writes what it computes into the tensors that it is given', async () => {
  const [square, twice] = [list(0, 0), list(0, 0)];
  await computeInto(await session(), { x: list(3, 4) }, { square, twice });
  expect([square.data, twice.data].map((data) => [...(data as Float32Array)])).toEqual([
    [9, 16],
    [6, 8],
  ]);
});

it('is handed nothing back, where onnxruntime-node would copy what it wrote', async () => {
  const [open, given] = [await session(), list(0, 0)];
  const copied = await open.run({ x: list(3, 4) }, { square: given });
  expect(copied.square!.data).toEqual(given.data);
  expect(copied.square!.data).not.toBe(given.data);
  await expect(open.run({ x: list(3, 4) }, { [emptySequence]: null, square: given })).rejects.toThrow();
});

it('says what ONNX Runtime refuses', async () => {
  const outputs = { square: list(0, 0), twice: list(0, 0) };
  await expect(computeInto(await session(), {}, outputs)).rejects.toThrow(/input 'x' is missing/);
  await expect(computeInto(await session(), { x: list(1, 2, 3) }, outputs)).rejects.toThrow(/invalid dimensions/i);
  await expect(computeInto(await session(), { x: list(1, 2) }, { square: list(0, 0, 0) })).rejects.toThrow(
    /invalid dimensions/i,
  );
});
