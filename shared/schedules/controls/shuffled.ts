import { randomFor } from '../../core/random.ts';
import type { Control } from './control.ts';

/** A permutation of `count` places that is not the identity, unless there is only one place. */
function otherOrder(count: number, seed: number): number[] {
  const random = randomFor(seed, 'shuffled factors');
  let order = random.permutation(count);
  while (count > 1 && order.every((source, place) => source === place)) order = random.permutation(count);
  return order;
}

/** The same factors for other layers or blocks, by a permutation that the seed and their number decide. */
export const shuffled = {
  name: 'shuffled',
  effect: 'the factors belong to other layers or blocks, drawn by the seed',
  apply: (controlled, seed) => otherOrder(controlled.length, seed).map((source) => controlled[source]!.factor),
} as const satisfies Control;
