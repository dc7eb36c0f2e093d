import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { RunError } from '../../shared/core/errors.ts';
import { randomFor } from '../../shared/core/random.ts';
import { type Engine, runOnce, type Tensor, type TensorLibrary } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine, openGpuEngine } from '../../shared/engines/open-engine.ts';
import { gelu } from '../../shared/models/blocks/gelu.ts';
import { linear } from '../../shared/models/blocks/linear.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';
import { temporaryFolder } from '../support/small-run.ts';

type Shape = readonly number[];
const sizeOf = (shape: Shape) => shape.reduce((product, size) => product * size, 1);

/** Numbers in host memory, the plain reference for everything below. */
interface Array3 {
  readonly shape: readonly [number, number, number];
  at(batch: number, row: number, column: number): number;
}

function draw(shape: Shape, name: string): Float32Array {
  const random = randomFor(7, name, ...shape);
  return Float32Array.from({ length: sizeOf(shape) }, () => random.normal());
}

const matrices = (
  data: Float32Array,
  [n, rows, columns]: readonly [number, number, number],
  transposed: boolean,
): Array3 => ({
  shape: transposed ? [n, columns, rows] : [n, rows, columns],
  at: (batch, row, column) => {
    const base = (n === 1 ? 0 : batch) * rows * columns;
    return transposed ? data[base + column * columns + row]! : data[base + row * columns + column]!;
  },
});

function plainProduct(a: Array3, b: Array3): number[] {
  const out: number[] = [];
  for (let batch = 0; batch < Math.max(a.shape[0], b.shape[0]); batch++) {
    for (let row = 0; row < a.shape[1]; row++) {
      for (let column = 0; column < b.shape[2]; column++) {
        let sum = 0;
        for (let k = 0; k < a.shape[2]; k++) sum += a.at(batch, row, k) * b.at(batch, k, column);
        out.push(sum);
      }
    }
  }
  return out;
}

function expectNear(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-4) {
  expect(found).toHaveLength(expected.length);
  const worst = Math.max(...Array.from(expected, (value, index) => Math.abs(value - found[index]!)));
  expect(worst).toBeLessThan(tolerance);
}

/** The derivative of sum(f * dy) by each entry of `x`, by central differences. */
function differences(f: (x: Float32Array) => number, x: Float32Array, step = 1e-3): number[] {
  return Array.from(x, (value, index) => {
    const at = (moved: number) => f(x.map((old, other) => (other === index ? moved : old)));
    return (at(value + step) - at(value - step)) / (2 * step);
  });
}

const silenced = ['log', 'info', 'warn', 'error'] as const;

describe.each(availableEngines())('engine %s', (name) => {
  let engine: Engine;
  let tf: TensorLibrary;
  const spies = silenced.map((method) => vi.spyOn(console, method));
  beforeAll(async () => {
    engine = await openEngine(name);
    tf = engine.tf;
  });
  beforeEach(() => {
    for (const spy of spies) spy.mockClear();
    tf.engine().startScope();
    return () => tf.engine().endScope();
  });
  afterAll(() => {
    for (const spy of spies) spy.mockRestore();
  });

  type Inputs = Readonly<Record<string, readonly [data: ArrayLike<number>, shape: Shape]>>;

  /** What a step computes of some tensors; it names its results, or has just one. */
  async function compute<Names extends string>(
    inputs: Inputs,
    step: (tensors: Readonly<Record<string, Tensor>>) => Tensor | Record<Names, Tensor>,
  ): Promise<Record<Names | 'result', Float32Array>> {
    const host = Object.entries(inputs).map(
      ([key, [data, shape]]) => [key, { shape, data: Float32Array.from(data) }] as const,
    );
    const results = await runOnce(
      engine,
      (_, given) => {
        const found = step(given.inputs);
        return { results: 'dataId' in found ? { result: found as Tensor } : (found as Record<Names, Tensor>) };
      },
      new Map(host),
    );
    return Object.fromEntries([...results].map(([key, { data }]) => [key, data])) as never;
  }

  it('is open under its name and version, and says nothing on the console', async () => {
    expect(await openEngine(name)).toBe(engine);
    expect(engine.name).toBe(name);
    expect(engine.version).toMatch(
      name === 'onnx' ? /^onnxruntime-node \d+\.\d+\.\d+, \d+ threads?$/ : /^tfjs[\w-]* \d+\.\d+\.\d+$/,
    );
    const { result } = await compute(
      {
        a: [
          [1, 2, 3, 4],
          [2, 2],
        ],
      },
      ({ a }) => tf.matMul(a!, tf.ones([2, 2])),
    );
    expect([...result]).toEqual([3, 3, 7, 7]);
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  const products = [
    { batch: 1, rows: 3, inner: 5, columns: 2 },
    { batch: 1, rows: 66, inner: 24, columns: 80 },
    { batch: 12, rows: 4, inner: 40, columns: 40 },
    { batch: 12, rows: 40, inner: 4, columns: 40 },
    { batch: 7, rows: 33, inner: 17, columns: 1 },
  ];
  const transposes = [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const;
  describe.each(products)(
    'multiplies $batch times $rows x $inner by $inner x $columns',
    ({ batch, rows, inner, columns }) => {
      it.each(transposes)('with operands transposed: %s, %s', async (transposeA, transposeB) => {
        const aShape = [batch, ...(transposeA ? [inner, rows] : [rows, inner])] as [number, number, number];
        const bShape = [batch, ...(transposeB ? [columns, inner] : [inner, columns])] as [number, number, number];
        const [a, b] = [draw(aShape, 'a'), draw(bShape, 'b')];
        const expected = plainProduct(matrices(a, aShape, transposeA), matrices(b, bShape, transposeB));
        const found = await compute({ a: [a, aShape], b: [b, bShape] }, (given) =>
          tf.matMul(given.a!, given.b!, transposeA, transposeB),
        );
        expectNear(found.result, expected);
      });
    },
  );

  it('multiplies a stack of matrices by one matrix', async () => {
    const [a, b] = [draw([6, 10, 20], 'a'), draw([1, 20, 30], 'b')];
    const expected = plainProduct(matrices(a, [6, 10, 20], false), matrices(b, [1, 20, 30], false));
    const found = await compute({ a: [a, [6, 10, 20]], b: [b, [1, 20, 30]] }, (given) => tf.matMul(given.a!, given.b!));
    expectNear(found.result, expected);
  });

  it('multiplies right when a right operand is reshaped and used as right operand again', async () => {
    const [data, left] = [draw([20, 6], 'right'), draw([4, 20], 'left')];
    const found = await compute({ right: [data, [20, 6]], a: [left, [4, 20]] }, ({ right, a }) => {
      const reshaped = tf.reshape(right!, [6, 20]);
      const b = tf.slice(a!, [0, 0], [4, 6]);
      const products = () => ({
        first: tf.matMul(a!, right!),
        second: tf.matMul(b, reshaped),
        fused: tf.fused.matMul({ a: b as never, b: reshaped as never }),
      });
      const { first: first2, second: second2, fused: fused2 } = products();
      return { ...products(), first2, second2, fused2 };
    });
    const cut = left.filter((_, index) => index % 20 < 6);
    const first = plainProduct(matrices(left, [1, 4, 20], false), matrices(data, [1, 20, 6], false));
    const second = plainProduct(matrices(cut, [1, 4, 6], false), matrices(data, [1, 6, 20], false));
    for (const key of ['first', 'first2'] as const) expectNear(found[key], first);
    for (const key of ['second', 'second2', 'fused', 'fused2'] as const) expectNear(found[key], second);
  });

  it('multiplies with bias and activation', async () => {
    const [a, b, bias] = [draw([5, 7], 'a'), draw([7, 3], 'b'), draw([3], 'bias')];
    const plain = plainProduct(matrices(a, [1, 5, 7], false), matrices(b, [1, 7, 3], false));
    const found = await compute({ a: [a, [5, 7]], b: [b, [7, 3]], bias: [bias, [3]] }, (given) =>
      tf.fused.matMul({ a: given.a as never, b: given.b as never, bias: given.bias!, activation: 'relu' }),
    );
    expectNear(
      found.result,
      plain.map((value, index) => Math.max(0, value + bias[index % 3]!)),
    );
  });

  it('sums rows by segment, the gradient of gather', async () => {
    const rows = draw([5, 3], 'rows');
    const ids = [1, 0, 1, 3, -1];
    const expected = new Float32Array(12);
    for (const [row, id] of ids.entries()) {
      for (let i = 0; i < 3; i++) if (id >= 0) expected[id * 3 + i]! += rows[row * 3 + i]!;
    }
    const segments = (values: readonly number[]) => tf.tensor1d([...values], 'int32');
    const found = await compute({ rows: [rows, [5, 3]], table: [draw([4, 2], 'table'), [4, 2]] }, (given) => ({
      sums: tf.unsortedSegmentSum(tf.slice(given.rows!, [0, 0], [4, 3]), segments(ids.slice(0, 4)), 4),
      gradient: tf.grad((x) => tf.sum(tf.gather(x, segments([2, 2, 0]))))(given.table!),
    }));
    expectNear(found.sums, expected);
    expectNear(found.gradient, [1, 1, 0, 0, 2, 2, 0, 0]);
  });

  it.each([
    { kernel: 3, stride: 1, pad: 'same' },
    { kernel: 3, stride: 2, pad: 'same' },
    { kernel: 2, stride: 2, pad: 'valid' },
    { kernel: 1, stride: 1, pad: 'valid' },
  ] as const)(
    'differentiates a convolution by its filter ($kernel x $kernel, stride $stride, $pad)',
    async ({ kernel, stride, pad }) => {
      const [xShape, filterShape] = [[2, 6, 5, 3] as const, [kernel, kernel, 3, 2] as const];
      const [x, filter] = [draw(xShape, 'x'), draw(filterShape, 'filter')];
      const convolve = (input: Tensor, by: Tensor): Tensor => tf.conv2d(input as never, by as never, stride, pad);
      const plain = tf.tensor(x, [...xShape]);
      const dy = draw(convolve(plain, tf.tensor(filter, [...filterShape])).shape, 'dy');
      const weighted = (by: Float32Array) =>
        tf.tidy(() => {
          const convolved = convolve(plain, tf.tensor(by, [...filterShape]));
          return tf.sum(tf.mul(convolved, tf.tensor(dy, convolved.shape))).dataSync()[0]!;
        });
      const { result } = await compute(
        { x: [x, xShape], filter: [filter, filterShape], dy: [dy, [dy.length]] },
        (given) =>
          tf.grad((by) => {
            const convolved = convolve(given.x!, by);
            return tf.sum(tf.mul(convolved, tf.reshape(given.dy!, convolved.shape)));
          })(given.filter!),
      );
      expectNear(result, differences(weighted, filter, 0.25), 2e-4);
    },
  );

  it('computes GELU with the exact normal distribution, and its gradient', async () => {
    const points = [-6, -2, -1, -0.1, 0, 0.5, 1, 3];
    const values = [
      -5.91952587e-9, -0.0455002639, -0.158655254, -0.0460172163, 0, 0.345731231, 0.841344746, 2.99595031,
    ];
    const slopes = [
      -3.54687095e-8, -0.0852318011, -0.0833154706, 0.420476908, 0.5, 0.867495125, 1.08331547, 1.01194565,
    ];
    const found = await compute({ x: [points, [points.length]] }, (given) => ({
      value: gelu(tf, given.x!),
      slope: tf.grad((x) => gelu(tf, x))(given.x!),
    }));
    expectNear(found.value, values, 2e-6);
    expectNear(found.slope, slopes, 2e-6);
  });

  it.each([
    [5, 3],
    [3, 5],
  ])('differentiates a dense layer from %i to %i', async (inputs, outputs) => {
    const [x, w, b] = [draw([4, inputs], 'x'), draw([outputs, inputs, 1], 'w'), draw([outputs], 'b')];
    const written = (...[input, weight, bias]: Tensor[]) => tf.sum(tf.square(linear(tf, weight!, bias!)(input!)));
    const plain = (...[input, weight, bias]: Tensor[]) =>
      tf.sum(tf.square(tf.add(tf.matMul(input!, tf.transpose(tf.reshape(weight!, [outputs, inputs]))), bias!)));
    const gradientsOf = (f: typeof plain) =>
      compute({ x: [x, [4, inputs]], w: [w, [outputs, inputs, 1]], b: [b, [outputs]] }, (given) => {
        const gradients = tf.grads(f)([given.x!, given.w!, given.b!]);
        for (const [index, each] of [given.x!, given.w!, given.b!].entries()) {
          expect(gradients[index]!.shape).toEqual(each.shape);
        }
        return { x: gradients[0]!, w: gradients[1]!, b: gradients[2]! };
      });
    const [found, expected] = [await gradientsOf(written), await gradientsOf(plain)];
    for (const key of ['x', 'w', 'b'] as const) expectNear(found[key], expected[key]);
  });

  it('differentiates choices with batch axes, one for each row', async () => {
    const [x, dy] = [draw([2, 3, 4], 'x'), draw([2, 3, 2], 'dy')];
    const ids = [3, 0, 1, 1, 2, 0, 0, 0, 3, 2, 1, 0];
    const expected = new Float32Array(24);
    for (const [index, id] of ids.entries()) expected[4 * Math.floor(index / 2) + id]! += dy[index]!;
    const { result } = await compute({ x: [x, [2, 3, 4]], dy: [dy, [2, 3, 2]], ids: [ids, [2, 3, 2]] }, (given) =>
      tf.grad((input) => tf.sum(tf.mul(tf.gather(input, tf.cast(given.ids!, 'int32') as never, 2, 2), given.dy!)))(
        given.x!,
      ),
    );
    expectNear(result, expected);
  });

  it('takes whole numbers as inputs and as fixed tensors', async () => {
    const loop = await engine.loop(
      (_, { fixed, inputs }) => ({
        results: {
          rows: tf.gather(inputs.table!, inputs.ids as never),
          hits: tf.sum(tf.cast(tf.equal(inputs.ids!, fixed.labels!), 'float32')),
          sum: tf.sum(inputs.ids!),
        },
      }),
      { fixed: new Map([['labels', { shape: [2], data: Int32Array.of(2, 1) }]]), carried: new Map() },
    );
    const table = { shape: [3, 2], data: Float32Array.of(0, 1, 10, 11, 20, 21) };
    const run = async (...ids: number[]) => {
      const results = await loop.run(
        new Map<string, HostTensor<Float32Array | Int32Array>>([
          ['table', table],
          ['ids', { shape: [2], data: Int32Array.from(ids) }],
        ]),
      );
      return Object.fromEntries([...results].map(([key, { data }]) => [key, data]));
    };
    expect(await run(2, 0)).toEqual({
      rows: Float32Array.of(20, 21, 0, 1),
      hits: Float32Array.of(1),
      sum: Float32Array.of(2),
    });
    expect(await run(2, 1)).toMatchObject({ hits: Float32Array.of(2), sum: Float32Array.of(3) });
    await loop.close();
  });

  it('keeps no memory that its results do not need', async () => {
    const before = tf.memory();
    const [a, b] = [tf.tensor(draw([8, 40], 'a'), [8, 40]), tf.tensor(draw([8, 40], 'b'), [8, 40])];
    for (let time = 0; time < 3; time++) {
      tf.tidy(() => {
        tf.matMul(a, b, false, true);
        tf.matMul(a, tf.reshape(b, [40, 8]));
        tf.matMul(tf.reshape(a, [2, 8, 20]), tf.reshape(b, [2, 20, 8]));
        tf.clone(a);
      });
    }
    const after = tf.memory();
    expect(after.numDataBuffers - before.numDataBuffers).toBe(2);
    tf.dispose([a, b]);
  });
});

describe('openEngine', () => {
  it('takes a GPU where its package is installed, and compiled steps elsewhere', async () => {
    const engine = await openEngine('auto');
    expect(engine.name).toBe(availableEngines().includes('tfjs-node-gpu') ? 'tfjs-node-gpu' : 'onnx');
  });

  it('says how to mend it when the chosen engine is not installed', async () => {
    const missing = (['tfjs-node-gpu', 'tfjs-node'] as const).filter((name) => !availableEngines().includes(name));
    for (const name of missing) await expect(openEngine(name)).rejects.toThrow(/is not installed[\s\S]*npm install/);
  });
});

describe('TensorFlow on a machine that is there for its GPU', () => {
  const choice = 'tfjs-node-gpu';
  const refusal =
    /^training\.engine: this machine is there for its GPU, and no engine can use one\n {2}engine tfjs-node-gpu: TensorFlow /;

  /** A package in place of TensorFlow, which says of itself what is asked here; found where the images have theirs. */
  async function installed(code: string): Promise<void> {
    const folder = await temporaryFolder();
    const home = join(folder, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'index.js'), code);
    vi.stubEnv('TEMPBALANCE_TFJS_NODE', folder);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
  }

  it('is no other when TensorFlow does not start there', async () => {
    await installed(`throw new Error('libcudart.so.11.0: cannot open shared object file')`);
    const opened = openGpuEngine({ choice });
    await expect(opened).rejects.toThrow(refusal);
    await expect(opened).rejects.toThrow(RunError);
    await expect(opened).rejects.toThrow('libcudart.so.11.0: cannot open shared object file');
  });

  it('is not TensorFlow without a GPU', async () => {
    const backend = { isUsingGpuDevice: false };
    const tf = {
      enableProdMode() {},
      getGradient: () => ({}),
      registerGradient() {},
      TensorBuffer: class {},
      version: {},
      setBackend: async () => true,
      ready: async () => {},
      backend: () => backend,
    };
    vi.stubGlobal('tensorflowStandIn', tf);
    await installed('module.exports = globalThis.tensorflowStandIn;');
    await expect(openGpuEngine({ choice })).rejects.toThrow('TensorFlow finds no GPU that it can use');
    backend.isUsingGpuDevice = true;
    expect(await openGpuEngine({ choice })).toMatchObject({ name: 'tfjs-node-gpu' });
    vi.unstubAllGlobals();
  });
});
