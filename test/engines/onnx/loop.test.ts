import { beforeAll, describe, expect, it } from 'vitest';
import { type Engine, runOnce, type Step } from '../../../shared/engines/engine.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import type { HostTensor, HostTensors } from '../../../shared/tensors/tensor.ts';

const list = (...values: number[]): HostTensor => ({ shape: [values.length], data: Float32Array.from(values) });
const numbers = (tensors: HostTensors) => Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));

/** total += scale * sum(x), and the old total as result. */
const accumulate: Step = (tf, { fixed, carried, inputs }) => ({
  carried: { total: tf.add(carried.total!, tf.mul(fixed.scale!, tf.sum(inputs.x!))), other: tf.neg(carried.other!) },
  results: { before: carried.total! },
});

describe.each(['onnx', 'wasm'] as const)('a loop on %s', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(name);
  });
  const begin = () =>
    engine.loop(accumulate, {
      fixed: new Map([['scale', list(10)]]),
      carried: new Map([
        ['total', list(1)],
        ['other', list(3, 4)],
      ]),
    });
  const x = (...values: number[]) => new Map([['x', list(...values)]]);

  it('carries what the last step left, batches of any size between', async () => {
    const loop = await begin();
    const seen: unknown[] = [];
    for (const values of [[1, 2], [3], [4, 5], [6]]) seen.push(numbers(await loop.run(x(...values))).before);
    expect(seen).toEqual([[1], [31], [61], [151]]);
    expect(numbers(await loop.read())).toEqual({ total: [211], other: [3, 4] });
    await loop.run(x(1));
    expect(numbers(await loop.finish())).toEqual({ total: [221], other: [-3, -4] });
    await loop.close();
  });

  it('takes what is donated, leaves the rest as it is, and comes to the same', async () => {
    const [total, other] = [list(1), list(3, 4)];
    const part = { shape: [1], data: new Float32Array([7, 1]).subarray(1) };
    for (const given of [total, part]) {
      const carried = new Map([
        ['total', given],
        ['other', other],
      ]);
      const loop = await engine.loop(accumulate, {
        fixed: new Map([['scale', list(10)]]),
        carried,
        donated: new Set(['total']),
      });
      await loop.run(x(1, 2));
      expect(numbers(await loop.finish())).toEqual({ total: [31], other: [-3, -4] });
      await loop.close();
    }
    expect(total.data.length).toBe(name === 'onnx' ? 0 : 1);
    expect([...other.data, ...part.data]).toEqual([3, 4, 1]);
  });

  it('adds up all rows of the same number, however many threads there are', async () => {
    const rows = 20_000;
    const sums: Step = (tf, { inputs }) => ({
      results: { sums: tf.unsortedSegmentSum(inputs.rows as never, inputs.numbers as never, 2) },
    });
    const given = new Map<string, HostTensor<Float32Array | Int32Array>>([
      ['rows', { shape: [rows, 8], data: new Float32Array(rows * 8).fill(1) }],
      ['numbers', { shape: [rows], data: Int32Array.from({ length: rows }, (_, row) => row % 2) }],
    ]);
    const found = numbers(await runOnce(engine, sums, given));
    expect(found).toEqual({ sums: Array.from({ length: 16 }, () => rows / 2) });
  });

  it('takes inputs that are donated, leaves others as they are, and comes to the same', async () => {
    const loop = await begin();
    const [whole, kept] = [list(1, 2), list(1, 2)];
    const part = { shape: [2], data: new Float32Array([7, 1, 2]).subarray(1) };
    const both = new Map([
      ['x', whole],
      ['y', whole],
    ]);
    await loop.run(both, { donated: new Set(['x', 'y']) });
    await loop.run(new Map([['x', part]]), { donated: new Set(['x']) });
    await loop.run(new Map([['x', kept]]), { donated: new Set(['other']) });
    expect(numbers(await loop.finish()).total).toEqual([91]);
    expect(whole.data.length).toBe(name === 'onnx' ? 0 : 2);
    expect([...kept.data, ...part.data]).toEqual([1, 2, 1, 2]);
    await loop.close();
  });

  it('takes what is fixed and donated, and leaves the rest of it as it is', async () => {
    const [scale, carried] = [list(10), list(1)];
    const loop = await engine.loop(accumulate, {
      fixed: new Map([['scale', scale]]),
      carried: new Map([
        ['total', carried],
        ['other', list(3, 4)],
      ]),
      donated: new Set(['scale']),
    });
    await loop.run(x(1, 2));
    expect(numbers(await loop.finish()).total).toEqual([31]);
    expect([scale.data.length, carried.data.length]).toEqual([name === 'onnx' ? 0 : 1, 1]);
  });

  it('runs several steps on the same tensors; what a step does not name stays', async () => {
    const loop = await begin();
    const negate: Step = (tf, { carried }) => ({ carried: { other: tf.neg(carried.other!) }, results: {} });
    await loop.run(x(1, 2));
    await loop.run(new Map(), { step: negate });
    await loop.run(new Map(), { step: negate });
    await loop.run(x(3), { step: negate });
    expect(numbers(await loop.read())).toEqual({ total: [31], other: [3, 4] });
    await loop.run(x(3));
    expect(numbers(await loop.read())).toEqual({ total: [61], other: [-3, -4] });
    expect(numbers(await loop.read(['other']))).toEqual({ other: [-3, -4] });
    await loop.close();
  });

  it('takes inputs that are known late, and no step where they never are', async () => {
    const loop = await begin();
    const late = (values: () => Promise<HostTensors | undefined>) => ({ late: { names: ['x'], values } });
    expect(
      numbers(
        await loop.run(
          x(0, 0),
          late(async () => x(1, 2)),
        ),
      ),
    ).toEqual({ before: [1] });
    expect(numbers(await loop.read())).toEqual({ total: [31], other: [-3, -4] });
    await loop.run(
      x(5, 5),
      late(async () => undefined),
    );
    expect(numbers(await loop.read())).toEqual({ total: [31], other: [-3, -4] });
    const failing = loop.run(
      x(5, 5),
      late(() => Promise.reject(new Error('not to be known'))),
    );
    await expect(failing).rejects.toThrow('not to be known');
    await loop.run(x(3));
    expect(numbers(await loop.finish())).toEqual({ total: [61], other: [3, 4] });
  });

  it('gives what it computes under several names, and what it is given, and constants', async () => {
    const step: Step = (tf, { inputs }) => {
      const twice = tf.mul(inputs.x!, 2);
      return { results: { twice, again: twice, more: tf.add(twice, 1), same: inputs.x!, ones: tf.ones([2]) } };
    };
    const loop = await engine.loop(step, { fixed: new Map(), carried: new Map() });
    const found = numbers(await loop.run(x(3, 4)));
    expect(found).toEqual({ twice: [6, 8], again: [6, 8], more: [7, 9], same: [3, 4], ones: [1, 1] });
    await loop.close();
  });

  it('leaves host tensors alone, and loops of the same step apart', async () => {
    const [one, two] = [await begin(), await begin()];
    const input = x(1, 2);
    await one.run(input);
    await one.run(input);
    await two.run(input);
    expect(numbers(input)).toEqual({ x: [1, 2] });
    expect(numbers(await one.read()).total).toEqual([61]);
    expect(numbers(await two.read()).total).toEqual([31]);
    await Promise.all([one.close(), two.close()]);
  });
});

describe('a loop on onnx', () => {
  it.each<[string, Step, RegExp]>([
    [
      'shape',
      (tf, { carried }) => ({ carried: { x: tf.concat([carried.x!, carried.x!]) }, results: {} }),
      /x of shape \[4\]/,
    ],
    ['type', (tf, { carried }) => ({ carried: { x: tf.greater(carried.x!, 0) }, results: {} }), /type bool/],
    ['name', (_, { carried }) => ({ carried: { y: carried.x! }, results: {} }), /y .* was given none/],
  ])('refuses a step that carries something of another %s on', async (_, step, message) => {
    const engine = await openEngine('onnx');
    const loop = await engine.loop(step, { fixed: new Map(), carried: new Map([['x', list(1, 2)]]) });
    await expect(loop.run(new Map())).rejects.toThrow(message);
    await loop.close();
  });

  it('computes in a thread: this one goes on meanwhile', async () => {
    const engine = await openEngine('onnx');
    const heavy: Step = (tf, { inputs }) => {
      let product = inputs.x!;
      for (let time = 0; time < 20; time++) product = tf.tanh(tf.matMul(product, product));
      return { results: { product } };
    };
    const loop = await engine.loop(heavy, { fixed: new Map(), carried: new Map() });
    // So much work that this thread gets its turns even where it waits for a processor.
    const large = { shape: [900, 900], data: new Float32Array(810_000).fill(0.01) };
    let [turns, done] = [0, false];
    const running = loop.run(new Map([['x', large]])).finally(() => {
      done = true;
    });
    while (!done) {
      await new Promise(setImmediate);
      turns += 1;
    }
    await running;
    expect(turns).toBeGreaterThan(1);
    await loop.close();
  });

  it('says so when it was closed', async () => {
    const engine = await openEngine('onnx');
    const loop = await engine.loop(accumulate, { fixed: new Map(), carried: new Map() });
    await loop.close();
    await expect(loop.read()).rejects.toThrow(/closed before/);
  });

  it('compiles for new shapes again after older ones were forgotten', async () => {
    const engine = await openEngine('onnx');
    const loop = await engine.loop((tf, { inputs }) => ({ results: { sum: tf.sum(inputs.x!) } }), {
      fixed: new Map(),
      carried: new Map(),
    });
    for (const size of [...Array(12).keys(), 0, 1, 11]) {
      const ones = list(...Array.from({ length: size + 1 }, () => 1));
      expect(numbers(await loop.run(new Map([['x', ones]]))).sum).toEqual([size + 1]);
    }
    await loop.close();
  });
});
