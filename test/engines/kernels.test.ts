import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { type Engine, type NamedTensors, runOnce, type Step, type Tensor } from '../../shared/engines/engine.ts';
import { recorders } from '../../shared/engines/onnx/kernels/table.ts';
import { deviceRecorders } from '../../shared/engines/onnx/webgpu/recorders.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { afterKernel } from '../../shared/engines/recompute.ts';
import { elementCount, type HostTensors } from '../../shared/tensors/tensor.ts';
import { processorAsGpu } from '../support/processor-as-gpu.ts';

type Shape = number[];
type Draw = (random: { normal(): number; uniform(): number }) => number;

/** Shapes of the inputs, and what is computed of them. */
interface Case {
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly draw?: Draw;
  /** More than the usual where thousands of products are added up. */
  readonly tolerance?: number;
  readonly run: (run: RunKernel, inputs: NamedTensors) => Tensor | Tensor[];
}
type RunKernel = (name: string, inputs: NamedTensors | readonly Tensor[], attributes?: object) => Tensor;

const shapeOf = (minLength: number, maxLength = 4) =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength, maxLength });

const positive: Draw = (random) => 0.2 + random.uniform();
const whole: Draw = (random) => Math.floor(5 * random.uniform()) - 2;

/** A shape, and one that broadcasts to it: some axes are 1, the first may be missing. Of many elements the last axis is 1. */
const broadcasting = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: shapeOf(0) },
      { weight: 1, arbitrary: fc.constantFrom<Shape[]>([64, 64, 1], [4096, 1]) },
    ),
    fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    fc.integer({ min: 0, max: 2 }),
  )
  .map(([a, single, cut]): [Shape, Shape] => [a, a.map((size, axis) => (single[axis] ? 1 : size)).slice(cut)]);

const unary = (kernel: string, draw?: Draw, attributes = {}, input = 'x') =>
  shapeOf(0).map(
    (x): Case => ({
      shapes: { [input]: x },
      ...(draw && { draw }),
      run: (run, inputs) => run(kernel, inputs, attributes),
    }),
  );

/** The second operand as an input, or the same number all over. */
const binary = (kernel: string, draw?: Draw) =>
  fc
    .tuple(broadcasting, fc.boolean(), fc.constantFrom(undefined, 0, 1, 2))
    .filter(([, , constant]) => !(constant === 0 && kernel === 'RealDiv'))
    .map(
      ([[a, b], swapped, constant]): Case => ({
        shapes: { a, b },
        ...(draw && { draw }),
        run: (run, inputs) => {
          const second = constant === undefined ? inputs.b! : run('Fill', {}, { shape: b, value: constant });
          return run(
            kernel,
            swapped && kernel !== 'RealDiv' ? { a: second, b: inputs.a! } : { a: inputs.a!, b: second },
          );
        },
      }),
    );

const logical = (kernel: string) =>
  broadcasting.map(
    ([a, b]): Case => ({
      shapes: { a, b },
      run: (run, inputs) => {
        const zero = run('Fill', {}, { shape: [], value: 0 });
        const positiveIn = (x: Tensor) => run('Greater', { a: x, b: zero });
        return run(kernel, { a: positiveIn(inputs.a!), b: positiveIn(inputs.b!) });
      },
    }),
  );

/** Over some axes, or all: the library says which by another attribute for Max. */
const reduction = (kernel: string) =>
  fc
    .tuple(shapeOf(1), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.boolean(), fc.boolean())
    .map(([x, chosen, keepDims, all]): Case => {
      const some = [...x.keys()].filter((axis) => chosen[axis]);
      const axis = all ? null : some.length === 0 ? [0] : some;
      return {
        shapes: { x },
        run: (run, inputs) => run(kernel, inputs, { [kernel === 'Max' ? 'reductionIndices' : 'axis']: axis, keepDims }),
      };
    });

const withAxis = (minRank: number) =>
  shapeOf(minRank, 3).chain((shape) => fc.record({ shape: fc.constant(shape), axis: fc.nat(shape.length - 1) }));

const product = (kernel: string) =>
  fc
    .record({
      stack: shapeOf(0, 2),
      sizes: fc.tuple(...[1, 2, 3].map(() => fc.integer({ min: 1, max: 5 }))),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      bias: fc.boolean(),
    })
    .map(({ stack, sizes: [rows, inner, columns], transposeA, transposeB, bias }): Case => {
      const batch = kernel === '_FusedMatMul' ? [2] : stack;
      const a = [...batch, ...(transposeA ? [inner!, rows!] : [rows!, inner!])];
      const b = [...batch, ...(transposeB ? [columns!, inner!] : [inner!, columns!])];
      const fused = kernel === '_FusedMatMul';
      return {
        shapes: { a, b, ...(fused && bias ? { bias: [columns!] } : {}) },
        run: (run, inputs) =>
          run(kernel, inputs, { transposeA, transposeB, ...(fused ? { activation: bias ? 'relu' : 'linear' } : {}) }),
      };
    });

/** Whole numbers of both signs, and others, by none that is 0. */
const divided = (kernel: string) =>
  fc.tuple(broadcasting, fc.boolean()).map(
    ([[a, b], integers]): Case => ({
      shapes: { a, b },
      draw: (random) => (integers ? 9 : 1) * (2 * random.uniform() - 1),
      run: (run, inputs) => {
        if (!integers) return run(kernel, { a: inputs.a!, b: inputs.b! });
        const toInteger = (x: Tensor) => run('Cast', { x: run('Floor', { x }) }, { dtype: 'int32' });
        const one = run('Fill', {}, { shape: [], value: 0.5 });
        const odd = run('Add', { a: run('Floor', { x: inputs.b! }), b: one });
        return run(kernel, {
          a: toInteger(inputs.a!),
          b: toInteger(run('Multiply', { a: odd, b: run('Fill', {}, { shape: [], value: 2 }) })),
        });
      },
    }),
  );

const chosenAlong = (kernel: string) =>
  withAxis(1).map(
    ({ shape, axis }): Case => ({
      shapes: { x: shape },
      draw: whole,
      run: (run, inputs) => run(kernel, inputs, { axis }),
    }),
  );

const ofTruths = (kernel: string) =>
  fc.tuple(withAxis(1), fc.boolean()).map(
    ([{ shape, axis }, keepDims]): Case => ({
      shapes: { x: shape },
      run: (run, { x }) => {
        const zero = run('Fill', {}, { shape: [], value: 0 });
        return run(kernel, { x: run('Greater', { a: x!, b: zero }) }, { axis: [axis], keepDims });
      },
    }),
  );

const resizing = fc
  .tuple(
    fc.tuple(...[1, 2, 3, 4].map(() => fc.integer({ min: 1, max: 4 }))),
    fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
    fc.boolean(),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([images, [height, width], doubled, alignCorners, halfPixelCenters]) => ({
    images: images as Shape,
    size: doubled ? [2 * images[1]!, 3 * images[2]!] : [height, width],
    alignCorners,
    halfPixelCenters: halfPixelCenters && !alignCorners,
  }));

const depthwiseOutput = (dy: Shape, [, , channels, multiplier]: Shape) => [...dy.slice(0, 3), channels! * multiplier!];

/** A convolution and the shapes that go with it. */
const convolving = fc
  .record({
    // Three sizes, for as many ways of compiling; with few taps or a stride the larger ones may take another's.
    images: fc.oneof(
      fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 3, max: 7 }), fc.integer({ min: 3, max: 7 })),
      fc.tuple(fc.integer({ min: 3, max: 4 }), fc.integer({ min: 20, max: 22 }), fc.integer({ min: 20, max: 22 })),
      fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 33, max: 36 }), fc.integer({ min: 33, max: 36 })),
    ),
    channels: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    window: fc.oneof(
      fc.record({
        kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
        strides: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      }),
      fc.constant({ kernel: [2, 2] as const, strides: [2, 2] as const }),
    ),
    pad: fc.constantFrom('same', 'valid'),
  })
  .map(({ images: [batch, ...space], channels: [from, to], window: { kernel, strides }, pad }) => {
    const out = space.map((size, axis) =>
      Math.ceil((pad === 'same' ? size : size - kernel[axis]! + 1) / strides[axis]!),
    );
    return {
      x: [batch, ...space, from],
      filter: [...kernel, from, to],
      dy: [batch, ...out, to],
      attributes: { strides, pad, dataFormat: 'NHWC', dilations: [1, 1] },
      pooled: [batch, ...out, from],
      pooling: { filterSize: kernel, strides, pad },
    };
  });

/** Pooling whose windows are so far apart, in an input that is padded, that they end before it does. */
const farApart = {
  x: [2, 10, 2, 2],
  pooled: [2, 3, 1, 2],
  pooling: { filterSize: [2, 2], strides: [5, 5], pad: 1, dimRoundingMode: 'floor' },
};

const shuffled = (rank: number) =>
  fc.shuffledSubarray(
    Array.from({ length: rank }, (_, axis) => axis),
    { minLength: rank, maxLength: rank },
  );

/** For every kernel that can be recorded, how it is called. */
const cases: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  ...Object.fromEntries(
    ['Neg', 'Abs', 'Exp', 'Expm1', 'Square', 'Sin', 'Cos', 'Tanh', 'Sigmoid', 'Softplus', 'Relu', 'Elu', 'Erf'].map(
      (kernel) => [kernel, unary(kernel)],
    ),
  ),
  ...Object.fromEntries(['Sign', 'Floor', 'Ceil', 'Round'].map((kernel) => [kernel, unary(kernel)])),
  ...Object.fromEntries(
    ['Log', 'Log1p', 'Sqrt', 'Rsqrt', 'Reciprocal'].map((kernel) => [kernel, unary(kernel, positive)]),
  ),
  Relu6: unary('Relu6', (random) => 5 * random.normal()),
  LeakyRelu: unary('LeakyRelu', undefined, { alpha: 0.2 }),
  EluGrad: shapeOf(0).map((shape) => ({
    shapes: { dy: shape, y: shape },
    run: (run, inputs) => run('EluGrad', inputs),
  })),
  IsNan: shapeOf(0).map((x) => ({
    shapes: { x },
    draw: whole,
    run: (run, inputs) => run('IsNan', { x: run('Sqrt', inputs) }),
  })),
  Step: unary('Step', whole, { alpha: 0.25 }),
  ClipByValue: unary('ClipByValue', undefined, { clipValueMin: -0.5, clipValueMax: 0.75 }),
  Cast: unary('Cast', whole, { dtype: 'int32' }),
  ...Object.fromEntries(
    ['Add', 'Sub', 'Multiply', 'Maximum', 'Minimum', 'SquaredDifference'].map((kernel) => [kernel, binary(kernel)]),
  ),
  RealDiv: binary('RealDiv', positive),
  Pow: binary('Pow', positive),
  Mod: divided('Mod'),
  FloorDiv: divided('FloorDiv'),
  ...Object.fromEntries(
    ['Greater', 'GreaterEqual', 'Less', 'LessEqual', 'Equal', 'NotEqual'].map((kernel) => [
      kernel,
      binary(kernel, whole),
    ]),
  ),
  LogicalAnd: logical('LogicalAnd'),
  LogicalOr: logical('LogicalOr'),
  LogicalNot: shapeOf(0).map((x) => ({
    shapes: { x },
    run: (run, inputs) =>
      run('LogicalNot', { x: run('Greater', { a: inputs.x!, b: run('Fill', {}, { shape: [], value: 0 }) }) }),
  })),
  AddN: shapeOf(0).map((shape) => ({
    shapes: { a: shape, b: shape, c: shape },
    run: (run, { a, b, c }) => run('AddN', [a!, b!, c!]),
  })),
  Select: shapeOf(1).map((shape) => ({
    shapes: { x: shape, t: shape, e: shape },
    run: (run, { x, t, e }) =>
      run('Select', {
        condition: run('Greater', { a: x!, b: run('Fill', {}, { shape: [], value: 0 }) }),
        t: t!,
        e: e!,
      }),
  })),
  ...Object.fromEntries(['Sum', 'Mean', 'Max', 'Min', 'Prod'].map((kernel) => [kernel, reduction(kernel)])),
  ArgMax: chosenAlong('ArgMax'),
  ArgMin: chosenAlong('ArgMin'),
  All: ofTruths('All'),
  Any: ofTruths('Any'),
  Cumsum: fc.tuple(withAxis(1), fc.boolean(), fc.boolean()).map(([{ shape, axis }, exclusive, reverse]) => ({
    shapes: { x: shape },
    run: (run, inputs) => run('Cumsum', inputs, { axis, exclusive, reverse }),
  })),
  FusedBatchNorm: fc
    .tuple(fc.oneof(shapeOf(2), shapeOf(4)), fc.boolean(), fc.boolean())
    .map(([shape, offset, scale]) => {
      const each = [shape.at(-1)!];
      return {
        shapes: {
          x: shape,
          mean: each,
          variance: each,
          ...(offset ? { offset: each } : {}),
          ...(scale ? { scale: each } : {}),
        },
        draw: positive,
        run: (run, inputs) => run('FusedBatchNorm', inputs, { varianceEpsilon: 1e-3 }),
      };
    }),
  Softmax: shapeOf(1).map((logits) => ({
    shapes: { logits },
    run: (run, inputs) => run('Softmax', inputs, { dim: logits.length - 1 }),
  })),
  Identity: unary('Identity'),
  ZerosLike: unary('ZerosLike'),
  OnesLike: unary('OnesLike'),
  Fill: shapeOf(0).map((shape) => ({ shapes: {}, run: (run) => run('Fill', {}, { shape, value: 1.5 }) })),
  Reshape: shapeOf(1).map((x) => ({
    shapes: { x },
    run: (run, inputs) => run('Reshape', inputs, { shape: [elementCount(x.slice(1)), x[0]!] }),
  })),
  ExpandDims: withAxis(1).map(({ shape, axis }) => ({
    shapes: { input: shape },
    run: (run, inputs) => run('ExpandDims', inputs, { dim: axis }),
  })),
  Transpose: shapeOf(1).chain((x) =>
    shuffled(x.length).map((perm) => ({ shapes: { x }, run: (run, inputs) => run('Transpose', inputs, { perm }) })),
  ),
  Slice: shapeOf(1).chain((x) =>
    fc
      .tuple(
        ...x.map((size) =>
          fc.nat(size - 1).chain((from) => fc.tuple(fc.constant(from), fc.integer({ min: 1, max: size - from }))),
        ),
      )
      .map((parts) => ({
        shapes: { x },
        run: (run, inputs) =>
          run('Slice', inputs, { begin: parts.map(([from]) => from), size: parts.map(([, count]) => count) }),
      })),
  ),
  StridedSlice: shapeOf(1).chain((x) =>
    fc
      .tuple(...x.map((size) => fc.tuple(fc.nat(size - 1), fc.constantFrom(1, 2, -1, -2), fc.boolean(), fc.boolean())))
      .map((axes) => {
        const mask = (chosen: boolean[]) => chosen.reduce((bits, each, axis) => bits + (each ? 2 ** axis : 0), 0);
        return {
          shapes: { x },
          run: (run, inputs) =>
            run('StridedSlice', inputs, {
              begin: axes.map(([from]) => from),
              end: axes.map(([from, step]) => from + Math.sign(step)),
              strides: axes.map(([, step]) => step),
              beginMask: mask(axes.map(([, , whole]) => whole)),
              endMask: mask(axes.map(() => true)),
              ellipsisMask: 0,
              newAxisMask: 0,
              // The plain backend fails to drop an axis where there are steps.
              shrinkAxisMask: mask(axes.map(([, , , single]) => single && axes.every(([, step]) => step === 1))),
            }),
        };
      }),
  ),
  Reverse: withAxis(1).map(({ shape, axis }) => ({
    shapes: { x: shape },
    run: (run, inputs) => run('Reverse', inputs, { dims: [axis, -1].slice(0, axis === shape.length - 1 ? 1 : 2) }),
  })),
  Range: fc
    .tuple(fc.integer({ min: -3, max: 3 }), fc.constantFrom(1, 2, -1, -3), fc.integer({ min: 1, max: 7 }))
    .map(([start, step, length]) => ({
      shapes: {},
      run: (run) => run('Range', {}, { start, stop: start + length * step, step, dtype: 'float32' }),
    })),
  Concat: withAxis(1).map(({ shape, axis }) => ({
    shapes: { a: shape, b: shape.with(axis, 2), c: shape },
    run: (run, { a, b, c }) => run('Concat', [a!, b!, c!], { axis }),
  })),
  Pack: withAxis(1).map(({ shape, axis }) => ({
    shapes: { a: shape, b: shape },
    run: (run, { a, b }) => run('Pack', [a!, b!], { axis }),
  })),
  Unpack: withAxis(1).map(({ shape, axis }) => ({
    shapes: { value: shape },
    run: (run, inputs) => run('Unpack', inputs, { axis }) as unknown as Tensor[],
  })),
  SplitV: withAxis(1).chain(({ shape, axis }) =>
    fc.constantFrom<number | number[]>(3, [2, -1], [1, 2, 3]).map((numOrSizeSplits) => ({
      shapes: { x: shape.with(axis, 6) },
      run: (run, inputs) => run('SplitV', inputs, { axis, numOrSizeSplits }) as unknown as Tensor[],
    })),
  ),
  PadV2: shapeOf(1).map((x) => ({
    shapes: { x },
    run: (run, inputs) => run('PadV2', inputs, { paddings: x.map((_, axis) => [axis % 2, axis]), constantValue: 0.5 }),
  })),
  Tile: shapeOf(1, 3).map((x) => ({
    shapes: { x },
    run: (run, inputs) => run('Tile', inputs, { reps: x.map((_, axis) => 1 + (axis % 3)) }),
  })),
  BatchMatMul: product('BatchMatMul'),
  _FusedMatMul: product('_FusedMatMul'),
  Conv2D: convolving.map(({ x, filter, attributes }) => ({
    shapes: { x, filter },
    run: (run, inputs) => run('Conv2D', inputs, attributes),
  })),
  Conv2DBackpropInput: convolving.map(({ x, filter, dy, attributes }) => ({
    shapes: { dy, filter },
    run: (run, inputs) => run('Conv2DBackpropInput', inputs, { ...attributes, inputShape: x }),
  })),
  Conv2DBackpropFilter: convolving.map(({ x, filter, dy, attributes }) => ({
    shapes: { x, dy },
    tolerance: 3e-5,
    run: (run, inputs) => run('Conv2DBackpropFilter', inputs, { ...attributes, filterShape: filter }),
  })),
  DepthwiseConv2dNative: convolving.map(({ x, filter, attributes }) => ({
    shapes: { x, filter },
    run: (run, inputs) => run('DepthwiseConv2dNative', inputs, attributes),
  })),
  DepthwiseConv2dNativeBackpropInput: convolving.map(({ x, filter, dy, attributes }) => ({
    shapes: { dy: depthwiseOutput(dy, filter), filter },
    run: (run, inputs) => run('DepthwiseConv2dNativeBackpropInput', inputs, { ...attributes, inputShape: x }),
  })),
  DepthwiseConv2dNativeBackpropFilter: convolving.map(({ x, filter, dy, attributes }) => ({
    shapes: { x, dy: depthwiseOutput(dy, filter) },
    tolerance: 3e-5,
    run: (run, inputs) => run('DepthwiseConv2dNativeBackpropFilter', inputs, { ...attributes, filterShape: filter }),
  })),
  ...Object.fromEntries(
    ['MaxPool', 'AvgPool'].flatMap((kernel) => [
      [
        kernel,
        convolving.map(({ x, pooling }) => ({ shapes: { x }, run: (run, inputs) => run(kernel, inputs, pooling) })),
      ],
      [
        `${kernel}Grad`,
        // The plain backend divides by the whole window where a part of it is padding.
        (kernel === 'MaxPool'
          ? fc.oneof(convolving, fc.constant(farApart))
          : convolving.filter(({ attributes }) => attributes.pad === 'valid')
        ).map(({ x, pooled, pooling }) => ({
          shapes: { x, dy: pooled },
          draw: whole,
          run: (run, { x: input, dy }) =>
            run(
              `${kernel}Grad`,
              {
                dy: dy!,
                input: input!,
                ...(kernel === 'MaxPool' && { output: run(kernel, { x: input! }, pooling) }),
              },
              pooling,
            ),
        })),
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['ResizeBilinear', 'ResizeNearestNeighbor'].flatMap((kernel) => [
      [
        kernel,
        resizing.map(({ images, size, alignCorners, halfPixelCenters }) => ({
          shapes: { images },
          run: (run, inputs) => run(kernel, inputs, { size, alignCorners, halfPixelCenters }),
        })),
      ],
      [
        `${kernel}Grad`,
        // The plain backend takes all of a batch from its first image, exchanges height and width, and divides by 0 where an
        // only row is aligned.
        resizing.map(({ images: [, height, , channels], size, alignCorners: aligned }) => ({
          shapes: { images: [1, height!, height!, channels!], dy: [1, ...size, channels!] },
          run: (run, inputs) => run(`${kernel}Grad`, inputs, { alignCorners: aligned && height! > 1 }),
        })),
      ],
    ]),
  ),
  GatherV2: fc.tuple(withAxis(1), fc.boolean()).map(([{ shape, axis }, inBatch]) => {
    const batchDims = inBatch ? axis : 0;
    return {
      shapes: { x: shape, where: inBatch ? [...shape.slice(0, axis), 2] : [3, 2] },
      draw: (random) => Math.floor(shape[axis]! * random.uniform()),
      run: (run, { x, where }) =>
        run('GatherV2', { x: x!, indices: run('Cast', { x: where! }, { dtype: 'int32' }) }, { axis, batchDims }),
    };
  }),
  OneHot: fc.tuple(shapeOf(1, 3), fc.integer({ min: 1, max: 4 })).map(([shape, depth]) => ({
    shapes: { where: shape },
    draw: whole,
    run: (run, { where }) =>
      run(
        'OneHot',
        { indices: run('Cast', { x: where! }, { dtype: 'int32' }) },
        { depth, onValue: 0.75, offValue: 0.25, dtype: 'float32' },
      ),
  })),
  UnsortedSegmentSum: shapeOf(1, 3).map((x) => ({
    shapes: { x, where: [x[0]!] },
    draw: whole,
    run: (run, { x: values, where }) =>
      run(
        'UnsortedSegmentSum',
        { x: values!, segmentIds: run('Cast', { x: where! }, { dtype: 'int32' }) },
        { numSegments: 2 },
      ),
  })),
  TensorScatterUpdate: fc.integer({ min: 1, max: 9 }).map((size) => {
    const count = Math.ceil(size / 2);
    return {
      shapes: { tensor: [size], updates: [count] },
      run: (run, inputs) => {
        const places = run('Range', {}, { start: 0, stop: size, step: 2, dtype: 'int32' });
        const indices = run('Reshape', { x: places }, { shape: [count, 1] });
        return run('TensorScatterUpdate', { ...inputs, indices });
      },
    };
  }),
};

function drawn(shapes: Case['shapes'], draw: Draw = (random) => random.normal()): HostTensors {
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const random = randomFor(11, name, ...shape);
      return [name, { shape, data: Float32Array.from({ length: elementCount(shape) }, () => draw(random)) }];
    }),
  );
}

/** The case as a step whose results are float32. */
function stepOf({ run }: Case): Step {
  return (tf, { inputs }) => {
    const runKernel: RunKernel = (name, given, attributes) =>
      tf.engine().runKernel(name, given as never, attributes as never) as Tensor;
    const outputs = [run(runKernel, inputs)].flat();
    return { results: Object.fromEntries(outputs.map((output, index) => [index, tf.cast(output, 'float32')])) };
  };
}

describe('the cases', () => {
  it('are of every kernel that can be compiled', () => {
    // `After` is of this engine alone.
    const others = Object.keys(recorders).filter((name) => name !== afterKernel);
    expect(Object.keys(cases).sort()).toEqual(others.sort());
  });
});

/** Whether results are those of the plain backend. */
async function agrees(compute: (each: Case) => Promise<HostTensors>, each: Case): Promise<void> {
  const [expected, found] = [await computeOn(await openEngine('cpu'), each), await compute(each)];
  expect([...found.keys()]).toEqual([...expected.keys()]);
  for (const [result, { shape, data }] of expected) {
    expect(found.get(result)!.shape).toEqual(shape);
    for (const [index, value] of data.entries()) {
      const other = found.get(result)!.data[index]!;
      expect(Math.abs(other - value)).toBeLessThanOrEqual((each.tolerance ?? 2e-6) * (1 + Math.abs(value)));
    }
  }
}

const computeOn = (engine: Engine, each: Case) => runOnce(engine, stepOf(each), drawn(each.shapes, each.draw));

describe.each(['onnx', 'wasm'] as const)('a kernel on %s', (name) => {
  it.each(Object.keys(cases))('%s computes what the plain backend does', async (kernel) => {
    const compute = async (each: Case) => computeOn(await openEngine(name), each);
    await fc.assert(
      fc.asyncProperty(cases[kernel]!, (each) => agrees(compute, each)),
      { seed: 5, numRuns: 8 },
    );
  });
});

describe('a kernel that is recorded otherwise for a GPU', () => {
  const others = Object.keys(deviceRecorders).filter((kernel) => deviceRecorders[kernel] !== recorders[kernel]);

  it.each(others)('%s computes what the plain backend does', async (kernel) => {
    const compute = async (each: Case) => computeOn(processorAsGpu(await openEngine('cpu')), each);
    const isLeftOut = async (each: Case) =>
      kernel === 'MaxPoolGrad' &&
      (await compute(each).then(
        () => false,
        (error) => String(error).includes('windows that lie side by side'),
      ));
    await fc.assert(
      fc.asyncProperty(cases[kernel]!, async (each) => {
        fc.pre(!(await isLeftOut(each)));
        await agrees(compute, each);
      }),
      { seed: 5, numRuns: 8 },
    );
  });
});
