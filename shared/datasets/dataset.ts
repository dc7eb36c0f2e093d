import type { z } from 'zod';
import type { Trajectories } from './trajectories.ts';

/** A format of data sets: one file, one line in the registry. */
export interface DatasetFormat<
  Config = unknown,
  Data extends { readonly kind: string } = Trajectories,
  Context = { readonly seed: number },
> {
  readonly name: string;
  /** What it yields; a model family says which kind it takes. */
  readonly kind: Data['kind'];
  /** Its part of the run file: an object with `format: <name>`. */
  readonly configSchema: z.ZodType<Config>;
  /**
   * Reads what the configuration selects; `path` is the resolved path of the file.
   * @throws UserError when the file or what is in it can't serve.
   */
  open(config: Config, path: string, context: Context): Promise<Data>;
}

/** A format of fields, which reads test data apart from the others. */
export interface FieldFormat<Config = unknown> extends DatasetFormat<Config> {
  /**
   * Reads all rows of the test data, those of the file at `path` or those that the configuration takes out of it.
   * @param data the others, which they must be like.
   * @throws UserError when the file or what is in it can't serve, or is not like the others.
   */
  openTest(config: Config, path: string, data: Trajectories): Promise<Trajectories>;
}
