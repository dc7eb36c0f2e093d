import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine, NamedTensors, Step } from '../../../shared/engines/engine.ts';
import { withFusedUpdates } from '../../../shared/engines/onnx/fused-updates.ts';
import { replacedBy } from '../../../shared/engines/onnx/roles.ts';
import { trace, traceGraph } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import type { HostTensor, HostTensors } from '../../../shared/tensors/tensor.ts';

const size = 7;
const vector = (from: number): HostTensor => ({
  shape: [size],
  data: Float32Array.from({ length: size }, (_, index) => Math.sin(from + index)),
});
const scalar = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });

/** A gradient that is no update itself, with moments and a weight as Adam has them. */
const adam: Step = (tf, { carried, inputs }) => {
  const gradient = tf.tanh(tf.mul(carried.weight!, inputs.x!));
  const first = tf.add(tf.mul(carried.first!, 0.9), tf.mul(gradient, 0.1));
  const second = tf.add(tf.mul(carried.second!, 0.99), tf.mul(tf.square(gradient), 0.01));
  const direction = tf.div(first, tf.add(tf.sqrt(second), 1e-8));
  const weight = tf.sub(carried.weight!, tf.mul(direction, tf.mul(inputs.rate!, tf.sub(1, inputs.decay!))));
  return { carried: { first, second, weight }, results: { norm: tf.sum(tf.square(gradient)) } };
};

const given = (names: readonly string[], at: number): HostTensors =>
  new Map(names.map((name, index) => [name, vector(at + index)]));
const positive = ({ shape, data }: HostTensor): HostTensor => ({ shape, data: data.map(Math.abs) });

let onnx: Engine;
let plain: Engine;
beforeAll(async () => {
  [onnx, plain] = [await openEngine('onnx'), await openEngine('cpu')];
});

const numbers = (tensors: HostTensors) => new Map([...tensors].map(([name, { data }]) => [name, [...data]]));

/** What a loop has come to after some steps, on both engines. */
async function afterSteps(carried: HostTensors, steps: readonly (readonly [Step, HostTensors])[]) {
  const endOf = async (engine: Engine) => {
    const loop = await engine.loop(steps[0]![0], { fixed: new Map(), carried });
    for (const [step, inputs] of steps) await loop.run(inputs, { step });
    const end = await loop.finish();
    await loop.close();
    return end;
  };
  return { computed: await endOf(onnx), expected: await endOf(plain) };
}

function expectClose({ computed, expected }: { computed: HostTensors; expected: HostTensors }) {
  expect([...computed.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, values] of numbers(expected)) {
    for (const [index, value] of values.entries()) {
      expect(Math.abs(computed.get(name)!.data[index]! - value)).toBeLessThan(1e-5);
    }
  }
}

const spec = { shape: [size], dtype: 'float32' } as const;
const number = { shape: [], dtype: 'float32' } as const;

/** What is left of a step's graph, and the updates behind it. */
function fused(step: (given: NamedTensors) => NamedTensors, specs: Parameters<typeof trace>[2], mostUpdateBytes = 1e6) {
  const { graph, updates } = trace(onnx.tf, step, specs, { inputOf: replacedBy, mostUpdateBytes });
  return { operators: graph.nodes.map(({ operator }) => operator), outputs: graph.outputs.length, updates };
}

const flat =
  (step: Step) =>
  (all: NamedTensors): NamedTensors => {
    const under = (prefix: string) =>
      Object.fromEntries(
        Object.entries(all).flatMap(([name, tensor]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [],
        ),
      );
    const made = step(onnx.tf, { fixed: {}, carried: under('carried/'), inputs: under('inputs/') });
    const over = (tensors: NamedTensors, prefix: string) =>
      Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor] as const);
    return Object.fromEntries([...over(made.carried ?? {}, 'next/'), ...over(made.results, 'results/')]);
  };

const adamSpecs = {
  'carried/weight': spec,
  'carried/first': spec,
  'carried/second': spec,
  'inputs/x': spec,
  'inputs/rate': number,
  'inputs/decay': number,
};

it('computes a graph before what only its updates take is known, to the same bits', async () => {
  const carried = new Map([...given(['first', 'weight'], 1), ['second', positive(vector(3))]]);
  const begin = () => onnx.loop(adam, { fixed: new Map(), carried });
  const inputs = (rate: number) =>
    new Map([
      ['x', vector(5)],
      ['rate', scalar(rate)],
      ['decay', scalar(0.5)],
    ]);
  const atOnce = await begin();
  const expected = [numbers(await atOnce.run(inputs(0.1))), numbers(await atOnce.run(inputs(0.2)))];
  const loop = await begin();
  const known = Promise.withResolvers<HostTensors | undefined>();
  const late = (values: () => Promise<HostTensors | undefined>) => ({ late: { names: ['rate', 'decay'], values } });
  const step = loop.run(
    inputs(0),
    late(() => known.promise),
  );
  // It is read while the step waits, so that the graph is no longer computed when the rates come.
  expect(numbers(await loop.read(['weight']))).toEqual(numbers(new Map([['weight', carried.get('weight')!]])));
  known.resolve(inputs(0.1));
  expect(numbers(await step)).toEqual(expected[0]);
  const before = numbers(await loop.read());
  await loop.run(
    inputs(7),
    late(async () => undefined),
  );
  expect(numbers(await loop.read())).toEqual(before);
  expect(numbers(await loop.run(inputs(0.2)))).toEqual(expected[1]);
  expect(numbers(await loop.finish())).toEqual(numbers(await atOnce.finish()));
});

it('reads what updates have left where it lies, and copies of it on request', async () => {
  const carried = new Map([...given(['first', 'weight'], 1), ['second', positive(vector(3))]]);
  const inputs = new Map([
    ['x', vector(5)],
    ['rate', scalar(0.1)],
    ['decay', scalar(0)],
  ]);
  const loop = await onnx.loop(adam, { fixed: new Map(), carried });
  await loop.run(inputs);
  const copy = (await loop.read(['weight'])).get('weight')!.data;
  const before = [...copy];
  const there = (await loop.read(['weight'], { untilNextStep: true })).get('weight')!.data;
  expect([...there]).toEqual(before);
  await loop.run(inputs);
  const after = [...(await loop.read(['weight'])).get('weight')!.data];
  expect([...copy]).toEqual(before);
  expect([...there]).toEqual(after);
  expect(after).not.toEqual(before);
  await loop.close();
});

describe('an update', () => {
  it('is one program behind the graph, which gives the gradient', () => {
    const { operators, outputs, updates } = fused(flat(adam), adamSpecs);
    expect(operators).toEqual(['Mul', 'Tanh', 'ReduceSumSquare']);
    expect(outputs).toBe(2);
    expect(updates).toHaveLength(1);
    expect(updates[0]!.results).toEqual(['next/first', 'next/second', 'next/weight']);
    expect(updates[0]!.scalars).toEqual(['inputs/rate', 'inputs/decay']);
  });

  it('stays in the graph where its tensors are larger than a memory may be', () => {
    const { operators, updates } = fused(flat(adam), adamSpecs, 4 * 3 * size);
    expect(operators).toContain('Sqrt');
    expect(updates).toEqual([]);
  });

  it('stays in the graph where too many gradients would be kept for it, those that come first before others', () => {
    const two: Step = (tf, { carried, inputs }) => {
      const first = tf.tanh(tf.mul(carried.first!, inputs.x!));
      const last = tf.tanh(tf.mul(carried.last!, first));
      return {
        carried: {
          first: tf.sub(carried.first!, tf.mul(first, inputs.rate!)),
          last: tf.sub(carried.last!, tf.mul(last, inputs.rate!)),
        },
        results: {},
      };
    };
    const specs = { 'carried/first': spec, 'carried/last': spec, 'inputs/x': spec, 'inputs/rate': number };
    const updatesOf = (mostKept: number) =>
      withFusedUpdates(traceGraph(onnx.tf, flat(two), specs), replacedBy, 1e6, mostKept).updates;
    expect(updatesOf(8 * size).map(({ results }) => results)).toEqual([['next/first'], ['next/last']]);
    expect(updatesOf(4 * size).map(({ results }) => results)).toEqual([['next/last']]);
  });

  it('keeps nothing for gradients that all wait for their norm', () => {
    const clipped: Step = (tf, { carried, inputs }) => {
      const gradient = tf.tanh(tf.mul(carried.weight!, inputs.x!));
      const factor = tf.div(inputs.rate!, tf.sum(tf.square(gradient)));
      return { carried: { weight: tf.sub(carried.weight!, tf.mul(gradient, factor)) }, results: {} };
    };
    const specs = { 'carried/weight': spec, 'inputs/x': spec, 'inputs/rate': number };
    expect(withFusedUpdates(traceGraph(onnx.tf, flat(clipped), specs), replacedBy, 1e6, 0).updates).toHaveLength(1);
  });

  it('stays in the graph as far as something else needs it', () => {
    const { operators, updates } = fused(
      ({ 'carried/first': first, 'inputs/x': x }) => {
        const next = onnx.tf.add(onnx.tf.mul(first!, 0.5), x!);
        return { 'next/first': next, 'results/sum': onnx.tf.sum(next) };
      },
      { 'carried/first': spec, 'inputs/x': spec },
    );
    expect(operators).toEqual(['Mul', 'Add', 'ReduceSum']);
    expect(updates).toEqual([]);
  });

  it('stays in the graph where it reads what the graph writes over', () => {
    const { operators, updates } = fused(
      ({ 'carried/first': first, 'carried/weight': weight, 'inputs/x': x }) => ({
        'next/first': onnx.tf.tanh(onnx.tf.mul(first!, x!)),
        'next/weight': onnx.tf.sub(weight!, first!),
      }),
      { 'carried/first': spec, 'carried/weight': spec, 'inputs/x': spec },
    );
    expect(operators.sort()).toEqual(['Mul', 'Sub', 'Tanh']);
    expect(updates).toEqual([]);
  });

  it('comes to what the plain engine computes, step after step', async () => {
    const carried = new Map([...given(['weight', 'first'], 1), ['second', positive(vector(3))]]);
    const inputs = (at: number) =>
      new Map([['x', vector(at)] as const, ['rate', scalar(0.01)] as const, ['decay', scalar(0.1)] as const]);
    const steps = [5, 6, 7, 8].map((at) => [adam, inputs(at)] as const);
    expectClose(await afterSteps(carried, steps));
  });

  it('takes turns with other steps that update the same tensors from something else', async () => {
    const doubled: Step = (tf, { carried }) => ({ carried: { a: tf.mul(carried.a!, 2) }, results: {} });
    const moved: Step = (tf, { carried, inputs }) => ({
      carried: { a: tf.add(carried.a!, tf.mul(inputs.x!, inputs.rate!)), b: tf.abs(tf.sub(carried.b!, carried.a!)) },
      results: {},
    });
    const cleared: Step = (tf, { carried }) => ({
      carried: { a: tf.zerosLike(carried.a!), b: tf.neg(carried.b!) },
      results: {},
    });
    const inputs = new Map([
      ['x', vector(2)],
      ['rate', scalar(0.5)],
    ]);
    const steps = [doubled, moved, doubled, cleared, moved, doubled].map((step) => [step, inputs] as const);
    expectClose(await afterSteps(given(['a', 'b'], 4), steps));
  });

  describe('in loops of which each is given what the one before left', () => {
    const inputs = (at: number) =>
      new Map([['x', vector(at)] as const, ['rate', scalar(0.01)] as const, ['decay', scalar(0.1)] as const]);
    const begun = () => new Map([...given(['weight', 'first'], 1), ['second', positive(vector(3))]]);
    const loops = async (donatedIn: (at: number) => readonly string[], stepIn: (at: number) => Step = () => adam) => {
      const left: HostTensors[] = [begun()];
      for (const at of [5, 6, 7, 8]) {
        const carried = left.at(-1)!;
        const loop = await onnx.loop(stepIn(at), { fixed: new Map(), carried, donated: new Set(donatedIn(at)) });
        await loop.run(inputs(at));
        left.push(await loop.finish());
        await loop.close();
      }
      return left;
    };
    const all = ['weight', 'first', 'second'];
    const inOneLoop = async () => {
      const loop = await onnx.loop(adam, { fixed: new Map(), carried: begun() });
      for (const at of [5, 6, 7, 8]) await loop.run(inputs(at));
      const end = await loop.finish();
      await loop.close();
      return numbers(end);
    };
    const weightsOf = (left: readonly HostTensors[]) => left.slice(1).map((each) => each.get('weight')!.data);

    it('stays where it is as it is donated, and comes to the same bits', async () => {
      const left = await loops(() => all);
      expect(numbers(left.at(-1)!)).toEqual(await inOneLoop());
      const [first, ...others] = weightsOf(left);
      for (const weight of others) expect(weight).toEqual(first);
    });

    it.each([
      { donated: 'nothing', names: () => [] },
      { donated: 'the moments alone', names: () => ['first', 'second'] },
      { donated: 'the weight alone', names: () => ['weight'] },
      { donated: 'all, and nothing, in turn', names: (at: number) => (at % 2 === 0 ? all : []) },
    ])('comes to the same bits where $donated is donated, and leaves the rest as it is', async ({ names }) => {
      const left = await loops(names);
      expect(numbers(left.at(-1)!)).toEqual(await inOneLoop());
      const single = await loops(() => []);
      for (const [at, loop] of [5, 6, 7].entries()) {
        for (const name of all.filter((each) => !names(loop + 1).includes(each))) {
          expect(left[at + 1]!.get(name)!.data).toEqual(single[at + 1]!.get(name)!.data);
        }
      }
    });

    it('finds its places where another step was between', async () => {
      const other: Step = (tf, { carried, inputs }) => ({
        carried: { ...carried, first: tf.mul(carried.first!, inputs.rate!), weight: tf.neg(carried.weight!) },
        results: {},
      });
      const stepIn = (at: number) => (at % 2 === 0 ? other : adam);
      expect(numbers((await loops(() => all, stepIn)).at(-1)!)).toEqual(
        numbers((await loops(() => [], stepIn)).at(-1)!),
      );
    });
  });
});
