import { afterEach, expect, it, vi } from 'vitest';
import type { Engine, Step } from '../../../shared/engines/engine.ts';
import { type KernelMemory, kernelMemory } from '../../../shared/engines/onnx/update-kernel.ts';
import { inPieces, type KernelCall, pieceCounters } from '../../../shared/engines/onnx/update-pieces.ts';
import { updateComputer } from '../../../shared/engines/onnx/update-threads.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import type { HostTensors } from '../../../shared/tensors/tensor.ts';

/** Enough for another thread to be asked, and no multiple of what is computed at a time. */
const elements = 2 ** 20 + 12;
const bytes = 4 * elements;

/** weight -= scalar * moment, moment *= 0.5 */
const program = {
  tensors: 2,
  scalars: 1,
  instructions: [
    { operator: 'Mul', operands: [{ scalar: 0 }, { tensor: 1 }] },
    { operator: 'Sub', operands: [{ tensor: 0 }, { result: 0 }] },
    { operator: 'Mul', operands: [{ tensor: 1 }, { constant: 0.5 }] },
  ],
  results: [{ result: 1 }, { result: 2 }],
} as const;

function memoryOfWaves(): { memory: KernelMemory; numbers: Float32Array } {
  const memory = kernelMemory(4 * bytes);
  const numbers = new Float32Array(memory.buffer, 0, 4 * elements);
  for (let index = 0; index < numbers.length; index++) numbers[index] = Math.sin(index);
  return { memory, numbers };
}

const bitsOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);
const sameBits = (a: Float32Array, b: Float32Array): boolean => Buffer.compare(bitsOf(a), bitsOf(b)) === 0;

const callsIn = (memory: KernelMemory): KernelCall[] =>
  [0, 2 * bytes].map((at) => ({ program, memory, bytes, addresses: [at, at + bytes, at, at + bytes] }));

it('comes to the same bits on two threads as on one, step after step', () => {
  const [alone, both] = [memoryOfWaves(), memoryOfWaves()];
  const scalars = [[0.25], [-3]];
  const computers = [updateComputer(callsIn(alone.memory), 1), updateComputer(callsIn(both.memory), 2)];
  for (let step = 0; step < 4; step++) for (const { compute } of computers) compute(scalars);
  for (const { forget } of computers) forget();
  expect(alone.numbers[1]).toBeCloseTo(Math.sin(1) - 0.25 * 1.875 * Math.sin(elements + 1), 5);
  expect(sameBits(alone.numbers, both.numbers)).toBe(true);
});

it('computes each piece once, whoever takes it', () => {
  const { memory, numbers } = memoryOfWaves();
  const { count, compute } = inPieces(callsIn(memory));
  expect(count).toBe(2 * Math.ceil(bytes / 2 ** 18));
  const counters = pieceCounters();
  compute([[0.5], [0.5]], counters);
  const once = numbers.slice();
  compute([[0.5], [0.5]], counters);
  expect(sameBits(numbers, once)).toBe(true);
});

/** A weight with a moment, as an optimizer has them. */
const step: Step = (tf, { carried, inputs }) => {
  const gradient = tf.mul(carried.weight!, inputs.x!);
  const moment = tf.add(tf.mul(carried.moment!, 0.9), gradient);
  return {
    carried: { moment, weight: tf.sub(carried.weight!, tf.mul(moment, inputs.rate!)) },
    results: { norm: tf.sum(tf.square(gradient)) },
  };
};

/** What two epochs leave, each a loop with what the one before it left. */
async function twoEpochs(engine: Engine): Promise<HostTensors> {
  const waves = (from: number) => ({
    shape: [elements],
    data: Float32Array.from({ length: elements }, (_, index) => Math.sin(from + index)),
  });
  let carried: HostTensors = new Map([
    ['weight', waves(1)],
    ['moment', waves(2)],
  ]);
  for (const epoch of [1, 2]) {
    const loop = await engine.loop(step, { fixed: new Map(), carried, donated: new Set(carried.keys()) });
    for (const at of [3, 4]) {
      const rate = { shape: [], data: Float32Array.of(0.1 * epoch) };
      await loop.run(new Map([['x', waves(at * epoch)] as const, ['rate', rate] as const]));
    }
    carried = await loop.finish();
    await loop.close();
  }
  return carried;
}

afterEach(() => vi.unstubAllEnvs());

it('leaves the same bits of a training, whether an engine has one thread or two', async () => {
  const left: HostTensors[] = [];
  for (const threads of ['1', '2']) {
    vi.stubEnv('TEMPBALANCE_THREADS', threads);
    left.push(await twoEpochs(await openEngine('onnx')));
  }
  for (const [name, { data }] of left[0]!) {
    expect(sameBits(data, left[1]!.get(name)!.data)).toBe(true);
  }
});
