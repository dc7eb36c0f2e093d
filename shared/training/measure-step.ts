import type { Workload } from './workload.ts';

const enough = Symbol('enough');

/**
 * Seconds of an optimizer step here: of the second one, as the first warms the engine up; of the only one where an epoch has
 * no more.
 * @param now in milliseconds.
 */
export async function measureStep(workload: Workload, now: () => number): Promise<number> {
  const times = [now()];
  try {
    await workload.train(1, await workload.initial(), undefined, {}, () => {
      times.push(now());
      if (times.length > 2) throw enough;
    });
  } catch (error) {
    if (error !== enough) throw error;
  }
  return (times.at(-1)! - times.at(-2)!) / 1000;
}
