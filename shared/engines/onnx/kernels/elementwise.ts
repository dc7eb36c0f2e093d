import { elementCount, sameShape } from '../../../tensors/tensor.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import {
  cast,
  channelsFirst,
  channelsLast,
  expand,
  type KernelCall,
  type Recorder,
  type Recorders,
  reshape,
  transpose,
} from './kernel.ts';

const broadcastShape = (a: readonly number[], b: readonly number[]): number[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, index) => {
    const [left, right] = [a.at(index - Math.max(a.length, b.length)), b.at(index - Math.max(a.length, b.length))];
    return left === undefined || left === 1 ? (right ?? left!) : left;
  });

/** Where one operand is so many all over, the result is the other operand. */
interface Neutral {
  readonly left?: number;
  readonly right?: number;
}

function withoutEffect(graph: GraphBuilder, a: Value, b: Value, shape: number[], neutral: Neutral): Value | undefined {
  if (neutral.right !== undefined && b.uniform === neutral.right) return expand(graph, a, shape);
  if (neutral.left !== undefined && a.uniform === neutral.left) return expand(graph, b, shape);
  return undefined;
}

/** From so many elements on it is worth a detour that ONNX Runtime broadcasts along a last axis of one element step by step, at 10 ns an element. */
const slowSize = 4096;

/** Without a last axis of one element. */
const withoutLast = (graph: GraphBuilder, x: Value): Value =>
  x.shape.length === 0 ? x : reshape(graph, x, x.shape.slice(0, -1));

/** Two operands that broadcast; uniform ones as scalars, as long as the other operand brings the shape. */
function combine(graph: GraphBuilder, operator: string, a: Value, b: Value, dtype: Value['dtype']): Value {
  const shape = broadcastShape(a.shape, b.shape);
  if (a.uniform !== undefined && b.uniform !== undefined) {
    const one = graph.node(operator, [graph.broadcast(a), graph.broadcast(b)], { shape: [], dtype });
    return expand(graph, one, shape);
  }
  const [left, right] = [graph.broadcast(a), graph.broadcast(b)];
  const given = broadcastShape(left.shape, right.shape);
  const flat = given.at(-1) === 1 && elementCount(given) >= slowSize && !sameShape(left.shape, right.shape);
  const operands = flat ? [left, right].map((each) => withoutLast(graph, each)) : [left, right];
  const result = graph.node(operator, operands, { shape: flat ? given.slice(0, -1) : given, dtype });
  return expand(graph, reshape(graph, result, given), shape);
}

function binary(operator: string, neutral: Neutral = {}): Recorder {
  return ({ graph, inputs }) => {
    const { a, b } = inputs as { a: Value; b: Value };
    const shape = broadcastShape(a.shape, b.shape);
    return withoutEffect(graph, a, b, shape, neutral) ?? combine(graph, operator, a, b, a.dtype);
  };
}

const compare =
  (operator: string): Recorder =>
  ({ graph, inputs }) =>
    combine(graph, operator, inputs.a!, inputs.b!, 'bool');

/** The operand of an operator that has one, whatever tfjs calls it. */
const only = (inputs: KernelCall['inputs']): Value => Object.values(inputs)[0]!;

const unary =
  (operator: string): Recorder =>
  ({ graph, inputs }) =>
    graph.node(operator, [only(inputs)], only(inputs));

/** An operator applied to the result of another. */
const after =
  (outer: string, inner: string): Recorder =>
  ({ graph, inputs }) =>
    graph.node(outer, [graph.node(inner, [only(inputs)], only(inputs))], only(inputs));

const square: Recorder = ({ graph, inputs }) => graph.node('Mul', [only(inputs), only(inputs)], only(inputs));

const squaredDifference: Recorder = ({ graph, inputs }) => {
  const difference = combine(graph, 'Sub', inputs.a!, inputs.b!, inputs.a!.dtype);
  return graph.node('Mul', [difference, difference], difference);
};

/** 1 where x > 0, NaN where it is NaN, `alpha` elsewhere. */
const step: Recorder = ({ graph, inputs, attributes }) => {
  const x = only(inputs);
  const constant = (value: number) => graph.broadcast(graph.uniform(value, [], x.dtype));
  const bool = { shape: x.shape, dtype: 'bool' } as const;
  const above = graph.node('Greater', [x, constant(0)], bool);
  const sided = graph.node('Where', [above, constant(1), constant(attributes.alpha ?? 0)], x);
  return graph.node('Where', [graph.node('IsNaN', [x], bool), x, sided], x);
};

const expm1: Recorder = ({ graph, inputs }) => {
  const x = only(inputs);
  return graph.node('Sub', [graph.node('Exp', [x], x), graph.broadcast(graph.uniform(1, [], x.dtype))], x);
};

const log1p: Recorder = ({ graph, inputs }) => {
  const x = only(inputs);
  return graph.node('Log', [graph.node('Add', [x, graph.broadcast(graph.uniform(1, [], x.dtype))], x)], x);
};

function between(graph: GraphBuilder, x: Value, smallest: number, largest: number): Value {
  const bound = (value: number) => graph.broadcast(graph.uniform(value, [], x.dtype));
  return graph.node('Min', [graph.node('Max', [x, bound(smallest)], x), bound(largest)], x);
}

const clip: Recorder = ({ graph, inputs, attributes }) =>
  between(graph, only(inputs), attributes.clipValueMin, attributes.clipValueMax);

const notEqual: Recorder = ({ graph, inputs }) => {
  const equal = combine(graph, 'Equal', inputs.a!, inputs.b!, 'bool');
  return graph.node('Not', [equal], equal);
};

const missing: Recorder = ({ graph, inputs }) =>
  graph.node('IsNaN', [only(inputs)], { shape: only(inputs).shape, dtype: 'bool' });

const leakyRelu: Recorder = ({ graph, inputs, attributes }) =>
  graph.node('LeakyRelu', [only(inputs)], only(inputs), { alpha: { float: attributes.alpha } });

const addN: Recorder = ({ graph, inputs }) =>
  Object.values(inputs).reduce((sum, each) => combine(graph, 'Add', sum, each, sum.dtype));

const select: Recorder = ({ graph, inputs }) => {
  const { condition, t, e } = inputs as { condition: Value; t: Value; e: Value };
  const trailing = t.shape.length - condition.shape.length;
  const lined = [...condition.shape, ...Array.from({ length: trailing }, () => 1)];
  const where =
    trailing === 0
      ? condition
      : graph.node('Reshape', [condition, graph.integers(lined)], { shape: lined, dtype: 'bool' });
  return graph.node('Where', [where, graph.broadcast(t), graph.broadcast(e)], t);
};

/** The remainder with the sign of the divisor. */
const mod: Recorder = ({ graph, inputs }) => {
  const { a, b } = inputs as { a: Value; b: Value };
  const like = { shape: broadcastShape(a.shape, b.shape), dtype: a.dtype };
  if (a.dtype !== 'float32') return graph.node('Mod', [a, b], like);
  const bool = { shape: like.shape, dtype: 'bool' } as const;
  const zero = graph.broadcast(graph.uniform(0, [], a.dtype));
  const remainder = (from: Value) => graph.node('Mod', [from, b], like, { fmod: 1 });
  const plain = remainder(a);
  const [left, right] = [a, b].map((each) => graph.node('Less', [each, zero], { shape: each.shape, dtype: 'bool' }));
  const opposed = graph.node('Xor', [left!, right!], bool);
  return graph.node('Where', [opposed, remainder(graph.node('Add', [plain, b], like)), plain], like);
};

/** int32, rounded down, whatever it is given. */
const floorDiv: Recorder = (call) => {
  const { graph, inputs } = call;
  const { a, b } = inputs as { a: Value; b: Value };
  const like = { shape: broadcastShape(a.shape, b.shape), dtype: a.dtype };
  if (a.dtype === 'float32') return cast(graph, graph.node('Floor', [graph.node('Div', [a, b], like)], like), 'int32');
  const whole = graph.node('Sub', [a, mod(call) as Value], like);
  return graph.node('Div', [whole, b], like);
};

const eluGrad: Recorder = ({ graph, inputs }) => {
  const { dy, y } = inputs as { dy: Value; y: Value };
  const constant = (value: number) => graph.broadcast(graph.uniform(value, [], y.dtype));
  const slope = graph.node('Add', [graph.node('Min', [y, constant(0)], y), constant(1)], y);
  return graph.node('Mul', [dy, slope], y);
};

/** With statistics that are given; those of a batch are made by the step itself. For each channel of images in one pass. */
const batchNorm: Recorder = ({ graph, inputs, attributes }) => {
  const { x, mean, variance, offset, scale } = inputs as Record<'x' | 'mean' | 'variance', Value> &
    Partial<Record<'offset' | 'scale', Value>>;
  const each = [scale, offset, mean, variance];
  if (x.shape.length === 4 && each.every((one) => one?.shape.length === 1)) {
    const ahead = transpose(graph, x, channelsFirst);
    const settings = { epsilon: { float: attributes.varianceEpsilon } };
    const normal = graph.node('BatchNormalization', [ahead, ...(each as Value[])], ahead, settings);
    return transpose(graph, normal, channelsLast);
  }
  const epsilon = graph.broadcast(graph.uniform(attributes.varianceEpsilon, [], x.dtype));
  const deviation = graph.node('Sqrt', [graph.node('Add', [variance, epsilon], variance)], variance);
  const factor = scale
    ? graph.node('Div', [scale, deviation], variance)
    : graph.node('Reciprocal', [deviation], variance);
  const scaled = combine(graph, 'Mul', combine(graph, 'Sub', x, mean, x.dtype), factor, x.dtype);
  return offset ? combine(graph, 'Add', scaled, offset, x.dtype) : scaled;
};

const castTo: Recorder = ({ graph, inputs, attributes }) => cast(graph, only(inputs), attributes.dtype);

/** Kernels that work on each element by itself. */
export const elementwise: Recorders = {
  Add: binary('Add', { left: 0, right: 0 }),
  Sub: binary('Sub', { right: 0 }),
  Multiply: binary('Mul', { left: 1, right: 1 }),
  RealDiv: binary('Div', { right: 1 }),
  Pow: binary('Pow', { right: 1 }),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  SquaredDifference: squaredDifference,
  AddN: addN,
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  Equal: compare('Equal'),
  NotEqual: notEqual,
  Mod: mod,
  FloorDiv: floorDiv,
  LogicalAnd: compare('And'),
  LogicalOr: compare('Or'),
  LogicalNot: unary('Not'),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Exp: unary('Exp'),
  Expm1: expm1,
  Log: unary('Log'),
  Log1p: log1p,
  Sqrt: unary('Sqrt'),
  Rsqrt: after('Reciprocal', 'Sqrt'),
  Reciprocal: unary('Reciprocal'),
  Square: square,
  Sin: unary('Sin'),
  Cos: unary('Cos'),
  Tanh: unary('Tanh'),
  Sigmoid: unary('Sigmoid'),
  Softplus: unary('Softplus'),
  Relu: unary('Relu'),
  Relu6: ({ graph, inputs }) => between(graph, only(inputs), 0, 6),
  LeakyRelu: leakyRelu,
  Elu: unary('Elu'),
  EluGrad: eluGrad,
  Erf: unary('Erf'),
  Sign: unary('Sign'),
  Floor: unary('Floor'),
  Ceil: unary('Ceil'),
  Round: unary('Round'),
  IsNan: missing,
  Step: step,
  ClipByValue: clip,
  Select: select,
  Cast: castTo,
  FusedBatchNorm: batchNorm,
};
