import type { EngineChoice } from '../shared/engines/engine.ts';

/** One measured case: its name, its sizes, and numbers whose names end in their unit. */
export type Result = { readonly case: string } & Readonly<Record<string, string | number>>;

/** Seeded, named cases: one file, one line in `main.ts`. */
export interface Suite {
  readonly name: string;
  /** Whether it runs only when it is named, for it takes long or much disk. */
  readonly onRequest?: boolean;
  run(options: { engine: EngineChoice }): Promise<Result[]>;
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
