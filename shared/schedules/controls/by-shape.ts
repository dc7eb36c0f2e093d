import { mean } from '../mean.ts';
import type { Control } from './control.ts';

/** What the factors say of shapes alone: each gets the mean factor of all of its shape. */
export const byShape = {
  name: 'byShape',
  apply: (controlled) =>
    controlled.map(({ shape }) =>
      mean(controlled.filter((other) => other.shape === shape).map(({ factor }) => factor)),
    ),
} as const satisfies Control;
