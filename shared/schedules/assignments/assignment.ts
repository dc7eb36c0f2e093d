import type { z } from 'zod';

/** How values of a metric become factors on the base rate: one file, one line in the registry. */
export interface AssignmentFunction<Config> {
  readonly name: string;
  /** Its part of the run file: an object with `function: <name>` and its own settings. */
  readonly configSchema: z.ZodType<Config>;
  /** The formula means nothing for values below this. */
  readonly smallestValue: number;
  /** One factor for each value; `values` are finite and there is at least one. */
  assign(values: readonly number[], config: Config): number[];
}
