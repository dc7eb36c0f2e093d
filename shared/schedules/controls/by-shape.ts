import { mean } from '../../core/statistics/sample.ts';
import type { Control } from './control.ts';

/** Each layer or block gets the mean factor of those that have its shape, so that only the shapes count. */
export const byShape = {
  name: 'byShape',
  effect: 'each layer or block has the mean factor of those of its shape',
  apply: (controlled) =>
    controlled.map(({ shape }) =>
      mean(controlled.filter((other) => other.shape === shape).map(({ factor }) => factor)),
    ),
} as const satisfies Control;
