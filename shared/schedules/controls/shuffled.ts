import { randomFor } from '../../core/random.ts';
import type { Control } from './control.ts';

/** A permutation of so many that is not the identity, where there is one. */
function otherOrder(count: number, seed: number): number[] {
  const random = randomFor(seed, 'shuffled factors');
  let order = random.permutation(count);
  while (count > 1 && order.every((source, place) => source === place)) order = random.permutation(count);
  return order;
}

/** The same factors for others, by one permutation that depends on the seed and on how many there are. */
export const shuffled = {
  name: 'shuffled',
  apply: (controlled, seed) => otherOrder(controlled.length, seed).map((source) => controlled[source]!.factor),
} as const satisfies Control;
