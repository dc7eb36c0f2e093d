import type { TensorContainer } from '@tensorflow/tfjs-core';
import type { FixedTensors, HostTensors } from '../tensors/tensor.ts';
import { knownInputs, type Loop, type Step, type TensorLibrary } from './engine.ts';
import { toEngine, toHost } from './transfer.ts';

/** Runs a step operation by operation; nothing but what is fixed and carried stays in memory between steps. */
export function eagerLoop(tf: TensorLibrary, step: Step, given: { fixed: FixedTensors; carried: HostTensors }): Loop {
  const fixed = toEngine(tf, given.fixed);
  const carriedNames = [...given.carried.keys()];
  let carried = toEngine(tf, given.carried);
  const read = (names: readonly string[] = carriedNames) => toHost(carried, names);
  const close = async () => void tf.dispose([fixed, carried] as never);
  return {
    async run(host, options) {
      const known = await knownInputs(host, options?.late);
      if (!known) return new Map();
      const inputs = toEngine(tf, known);
      const other = options?.step ?? step;
      const take = () => other(tf, { fixed, carried, inputs });
      const next = tf.tidy(take as unknown as () => TensorContainer) as unknown as ReturnType<Step>;
      try {
        return await toHost(next.results, Object.keys(next.results));
      } finally {
        const replaced = Object.keys(next.carried ?? {}).map((name) => carried[name]!);
        tf.dispose([inputs, next.results, replaced] as never);
        carried = { ...carried, ...next.carried };
      }
    },
    read,
    async finish() {
      const last = await read();
      await close();
      return last;
    },
    close,
  };
}
