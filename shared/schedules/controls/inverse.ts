import type { Control } from './control.ts';

/** 1 / factor: layers that balancing would train faster train slower. */
export const inverse = {
  name: 'inverse',
  effect: 'each factor is 1 / itself',
  apply: (controlled) => controlled.map(({ factor }) => 1 / factor),
} as const satisfies Control;
