import { beforeAll, describe, expect, it } from 'vitest';
import type { NamedTensors, TensorLibrary } from '../../../shared/engines/engine.ts';
import { overwriting } from '../../../shared/engines/onnx/overwriting.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';

let tf: TensorLibrary;
beforeAll(async () => {
  ({ tf } = await openEngine('cpu'));
});

/** Which of the outputs `a` and `b` may be written over the inputs `oldA` and `oldB`. */
function overwritten(step: (given: { oldA: NamedTensors[string]; oldB: NamedTensors[string] }) => NamedTensors) {
  const square = { shape: [4, 4], dtype: 'float32' } as const;
  const { graph } = trace(tf, step as (given: NamedTensors) => NamedTensors, { oldA: square, oldB: square });
  return overwriting(graph, (output) => ({ a: 'oldA', b: 'oldB' })[output]);
}

describe('overwriting', () => {
  it('takes a moment that only its own update reads', () => {
    const found = overwritten(({ oldA, oldB }) => {
      const a = tf.add(tf.mul(oldA, 0.9), tf.exp(oldB));
      return { a, b: tf.sub(oldB, tf.sqrt(a)) };
    });
    expect(found).toEqual(['a']);
  });

  it('leaves what something reads that need not come before', () => {
    const readBeside = overwritten(({ oldA }) => ({ a: tf.add(tf.mul(oldA, 0.9), 1), loss: tf.sum(tf.mul(oldA, 2)) }));
    expect(readBeside).toEqual([]);
  });

  it('leaves what its maker reads itself, and what may be read through another name', () => {
    expect(overwritten(({ oldA }) => ({ a: tf.add(oldA, 1) }))).toEqual([]);
    expect(overwritten(({ oldA }) => ({ a: tf.matMul(tf.reshape(oldA, [4, 4]), oldA) }))).toEqual([]);
    expect(overwritten(({ oldA }) => ({ a: tf.add(tf.mul(tf.transpose(oldA), 2), 1) }))).toEqual([]);
  });

  it('leaves what is read by what comes after the output', () => {
    const readLate = overwritten(({ oldA, oldB }) => {
      const a = tf.exp(oldB);
      return { a, b: tf.add(oldB, tf.add(oldA, tf.sqrt(a))) };
    });
    expect(readLate).toEqual([]);
  });

  it('leaves what is exchanged with another', () => {
    expect(overwritten(({ oldA, oldB }) => ({ a: oldB, b: oldA }))).toEqual([]);
  });

  it('takes what is read by what comes after through the output alone', () => {
    const found = overwritten(({ oldA }) => {
      const a = tf.add(tf.mul(oldA, 0.5), 1);
      return { a, loss: tf.sum(tf.exp(a)) };
    });
    expect(found).toEqual(['a']);
  });
});
