/** Prefixes of the names in a graph: what a step takes, and what it gives. */
export const roles = {
  fixed: 'fixed/',
  carried: 'carried/',
  inputs: 'inputs/',
  next: 'next/',
  results: 'results/',
} as const;
