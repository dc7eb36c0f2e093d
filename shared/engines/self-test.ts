import type { Engine, Step } from './engine.ts';
import { openEngine } from './open-engine.ts';

const [rows, inner, columns] = [24, 17, 9];
/** What the engine's weights may differ by from the plain engine's, which are about 1. */
const tolerance = 1e-4;

/** Numbers between -1 and 1 that repeat only after long. */
const numbers = (count: number, factor: number) => Float32Array.from({ length: count }, (_, i) => Math.cos(factor * i));

const tensor = (shape: readonly [number, number], factor: number) => ({
  shape,
  data: numbers(shape[0] * shape[1], factor),
});

/** Gradient descent on a small layer with a softmax, as steps are written here. */
const step: Step = (tf, { carried, inputs }) => {
  const { value, grad } = tf.valueAndGrad((w) => {
    const scores = tf.softmax(tf.tanh(tf.matMul(inputs.x!, w)));
    return tf.mean(tf.square(tf.sub(scores, inputs.y!)));
  })(carried.w!, tf.scalar(1));
  return { carried: { w: tf.sub(carried.w!, tf.mul(grad, 5)) }, results: { loss: value } };
};

async function weightsAfter(engine: Engine, steps: number): Promise<Float32Array> {
  const loop = await engine.loop(step, { fixed: new Map(), carried: new Map([['w', tensor([inner, columns], 1.7)]]) });
  const inputs = () =>
    new Map([
      ['x', tensor([rows, inner], 0.37)],
      ['y', tensor([rows, columns], 2.3)],
    ]);
  for (let taken = 0; taken < steps; taken++) await loop.run(inputs());
  return (await loop.finish()).get('w')!.data;
}

export interface SelfTest {
  readonly version: string;
  /** By how much the weights differ from the plain engine's at most. */
  readonly difference: number;
}

/**
 * Trains a small layer for three steps on an engine and on the plain one, and compares.
 * @throws Error when the engine can't be opened, or its weights are others.
 */
export async function selfTest(open: () => Promise<Engine>): Promise<SelfTest> {
  const steps = 3;
  const expected = await weightsAfter(await openEngine('cpu'), steps);
  const engine = await open();
  const found = await weightsAfter(engine, steps);
  const difference = expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - found[i]!)), 0);
  if (!(difference <= tolerance)) throw new Error(`its self-test is off by ${difference.toExponential(1)}`);
  return { version: engine.version, difference };
}
