import type { Engine, Loop } from '../engines/engine.ts';
import type { StartablePlan } from './workload.ts';

/** Times a step is repeated at most, and the milliseconds after which it isn't any more. */
const [mostTimes, enoughMilliseconds] = [5, 2000];

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
};

const timed = Symbol('timed');

/**
 * Seconds of a run's first optimizer step on an engine: each part of its batch is computed once, which compiles it, and then up to five
 * times more, of which the median counts. Nothing of the run is changed: its epochs begin with parameters of their own.
 * @param now in milliseconds.
 */
export async function timeStep(plan: StartablePlan, engine: Engine, now: () => number): Promise<number> {
  let milliseconds = 0;
  const repeated = (loop: Loop): Loop => ({
    ...loop,
    // Its inputs are not given away: they are needed again.
    async run(inputs, { step } = {}) {
      let results = await loop.run(inputs, { step });
      const times: number[] = [];
      const spent = () => times.reduce((sum, time) => sum + time, 0);
      while (times.length < mostTimes && (times.length === 0 || spent() < enoughMilliseconds)) {
        const began = now();
        results = await loop.run(inputs, { step });
        times.push(now() - began);
      }
      milliseconds += median(times);
      return results;
    },
  });
  const stopwatch: Engine = {
    ...engine,
    loop: async (step, given) => repeated(await engine.loop(step, given)),
  };
  const stop = () => {
    throw timed;
  };
  try {
    await plan.on(stopwatch).train(1, await plan.initial(), undefined, {}, stop);
  } catch (error) {
    if (error !== timed) throw error;
  }
  return milliseconds / 1000;
}
