/** Prefixes of the names in a graph: what a step takes, and what it gives. */
export const roles = {
  fixed: 'fixed/',
  carried: 'carried/',
  inputs: 'inputs/',
  next: 'next/',
  results: 'results/',
} as const;

/** The input that an output replaces in the next step; undefined where it is a result. */
export const replacedBy = (output: string): string | undefined =>
  output.startsWith(roles.next) ? roles.carried + output.slice(roles.next.length) : undefined;

/** The numbers that loading ONNX Runtime answers with. */
export const blockName = 'block';
export const sharingName = 'sharing';
export const updatingName = 'updating';

/** An output of every model, before its graph's: an empty sequence of tensors. What for says `compute.ts`. */
export const emptySequence = 'empty';
