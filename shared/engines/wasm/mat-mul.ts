import type { KernelConfig, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { TensorLibrary } from '../engine.ts';
import type { DataId, WasmBackend } from './backend.ts';
import { copyOf } from './identity.ts';

interface Attributes {
  transposeA?: boolean;
  transposeB?: boolean;
  activation?: 'linear' | 'relu' | 'relu6' | 'sigmoid' | 'elu';
}

const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);

function transposeLast(tf: TensorLibrary, tensor: TensorInfo): Tensor {
  const rank = tensor.shape.length;
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return tf.transpose(tensor as Tensor, [...axes.slice(0, -2), rank - 1, rank - 2]);
}

/**
 * The backend packs a right operand once and finds the packed copy again by data id alone, so that a reshaped view of the
 * same data silently gets the packing of the other shape. The guard hands out a copy where a view's shape is not the first one seen.
 */
function rightOperandGuard(tf: TensorLibrary, backend: () => WasmBackend) {
  const firstShapes = new WeakMap<DataId, string>();
  return (tensor: TensorInfo): TensorInfo => {
    const shape = tensor.shape.slice(-2).join('x');
    const first = firstShapes.get(tensor.dataId);
    if (first === undefined) firstShapes.set(tensor.dataId, shape);
    return first === undefined || first === shape ? tensor : asTensor(tf, copyOf(backend(), tensor));
  };
}

/**
 * The backend multiplies stacks of matrices by plain loops: only single products use its fast code, after packing the right
 * operand. From about five rows the packing pays for itself.
 */
function fasterOneByOne(rows: number, inner: number, columns: number): boolean {
  return rows > 4 && rows * inner * columns >= 2000;
}

/** The leading axes of stacks of matrices, where one stack is as the other one or as the last of its axes. */
function commonLeading(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
  const [left, right] = [a.slice(0, -2), b.slice(0, -2)];
  const [fewer, more] = count(left) <= count(right) ? [left, right] : [right, left];
  const inner = fewer.slice(fewer.findIndex((size) => size > 1));
  if (fewer.length > more.length) return undefined;
  return fewer.every((size) => size === 1) || more.slice(-inner.length).join() === inner.join() ? more : undefined;
}

/** `[n, rows, inner]` times `[n, inner, columns]` as n single products on slices of the operands' memory; the shorter of two stacks repeats. */
function oneByOne(
  backend: WasmBackend,
  shapes: number,
  leading: readonly number[],
  a: TensorInfo,
  b: TensorInfo,
): TensorInfo {
  const [[rows, inner], columns] = [a.shape.slice(-2), b.shape.at(-1)];
  const out = backend.makeOutput([...leading, rows!, columns!], 'float32');
  const slices = [
    { tensor: a, size: rows! * inner! },
    { tensor: b, size: inner! * columns! },
    { tensor: out, size: rows! * columns! },
  ].map(({ tensor, size }) => ({
    id: backend.dataIdNextNumber++,
    size,
    matrices: count(tensor.shape.slice(0, -2)),
    start: backend.dataIdMap.get(tensor.dataId).memoryOffset,
  }));
  backend.wasm.HEAP32.set([1, rows!, inner!, 1, inner!, columns!], shapes / Int32Array.BYTES_PER_ELEMENT);
  const { registerTensor, disposeData } = backend.wasm.tfjs;
  const [left, right, product] = slices.map(({ id }) => id);
  for (let index = 0; index < count(leading); index++) {
    for (const { id, size, matrices, start } of slices) {
      registerTensor(id, size, start + (index % matrices) * size * Float32Array.BYTES_PER_ELEMENT);
    }
    backend.wasm._BatchMatMul(left!, shapes, 3, right!, shapes + 12, 3, 0, 0, product!);
    for (const { id } of slices) disposeData(id);
  }
  return out;
}

/** Matrix products that transpose first (the backend's own transposed path is 20 times slower) and guard the packing cache. */
export function guardedMatMuls(tf: TensorLibrary, backend: () => WasmBackend): KernelConfig[] {
  const guard = rightOperandGuard(tf, backend);
  let shapes: number | undefined;
  const original = (kernelName: string): KernelConfig => {
    const kernel = tf.getKernel(kernelName, 'wasm');
    if (!kernel) throw new Error(`tfjs-backend-wasm has no kernel ${kernelName}`);
    return kernel;
  };
  const wrap = (kernel: KernelConfig): KernelConfig => ({
    ...kernel,
    kernelFunc(call) {
      const { transposeA, transposeB, ...rest } = call.attrs as Attributes;
      const { a, b, ...others } = call.inputs as { a: TensorInfo; b: TensorInfo; bias?: TensorInfo };
      return tf.tidy(() => {
        const left = transposeA ? transposeLast(tf, a) : a;
        const right = transposeB ? transposeLast(tf, b) : b;
        const batch = count(left.shape.slice(0, -2));
        const leading = commonLeading(left.shape, right.shape);
        const [rows, inner] = left.shape.slice(-2);
        const plain = kernel.kernelName === 'BatchMatMul' && left.dtype === 'float32' && right.dtype === 'float32';
        if (plain && leading && count(leading) > 1 && fasterOneByOne(rows!, inner!, right.shape.at(-1)!)) {
          shapes ??= backend().wasm._malloc(6 * Int32Array.BYTES_PER_ELEMENT);
          return asTensor(tf, oneByOne(backend(), shapes, leading, left, right));
        }
        // With a bias the fused kernel is right for a single product only.
        if (batch > 1 && others.bias) return biased(tf, left, right, others.bias, rest.activation);
        const attrs = { ...rest, transposeA: false, transposeB: false };
        const result = kernel.kernelFunc({ ...call, inputs: { ...others, a: left, b: guard(right) }, attrs });
        return asTensor(tf, result as TensorInfo);
      });
    },
  });
  return ['BatchMatMul', '_FusedMatMul'].map((name) => wrap(original(name)));
}

/** A product, and then what the fused kernel would have done to it. */
function biased(
  tf: TensorLibrary,
  a: TensorInfo,
  b: TensorInfo,
  bias: TensorInfo,
  activation: Attributes['activation'] = 'linear',
): Tensor {
  const moved = tf.add(tf.matMul(a as Tensor, b as Tensor), bias as Tensor);
  return activation === 'linear' ? moved : tf[activation](moved);
}

const asTensor = (tf: TensorLibrary, { dataId, shape, dtype }: TensorInfo): Tensor =>
  tf.engine().makeTensorFromDataId(dataId, shape, dtype);
