import type { Control } from './control.ts';

/** Well-trained layers learn faster, under-trained ones slower: 1 / factor. */
export const inverse = {
  name: 'inverse',
  apply: (controlled) => controlled.map(({ factor }) => 1 / factor),
} as const satisfies Control;
