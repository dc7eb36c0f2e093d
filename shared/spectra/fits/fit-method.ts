import type { z } from 'zod';
import type { ChooseTail } from '../power-law.ts';

/** A way to choose where the power-law tail starts: one file, one line in the registry. */
export interface FitMethod<Config> {
  readonly name: string;
  /** Its part of the run file: an object with `method: <name>` and its own settings. */
  readonly configSchema: z.ZodType<Config>;
  chooseTail(config: Config): ChooseTail;
  /** Eigenvalues in the tail of `count` of them, for a method that does not look at their values; absent: it does. */
  fixedTail?(config: Config, count: number): number;
}
