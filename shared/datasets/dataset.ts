import type { z } from 'zod';
import type { DataPath } from './data-path.ts';
import type { Trajectories } from './trajectories.ts';

/** A format of data sets: one file, one line in the registry. */
export interface DatasetFormat<
  Config = unknown,
  Data extends { readonly kind: string } = Trajectories,
  Context = { readonly seed: number },
> {
  readonly name: string;
  /** The kind of data that the format yields; a model family says which kind it takes. */
  readonly kind: Data['kind'];
  /** The schema of its part of the run file, an object with `format: <name>`. */
  readonly configSchema: z.ZodType<Config>;
  /**
   * Reads what the configuration selects; `path` is the resolved path of the file or files.
   * @throws UserError when a file or what is in it can't serve.
   */
  open(config: Config, path: DataPath, context: Context): Promise<Data>;
}

/** The context in which fields are read, besides the settings. */
export interface FieldContext {
  readonly seed: number;
  /** Bytes of samples that are held in memory, more are read whenever they are needed; absent: as usual. */
  readonly held?: number;
}

/** A format of fields, which reads test data and validation data apart from the others. */
export interface FieldFormat<Config = unknown> extends Omit<DatasetFormat<Config, Trajectories, FieldContext>, 'open'> {
  /** Finds what the configuration selects; `path` is the resolved path of the file or files. */
  open(config: Config, path: DataPath, context: FieldContext): Promise<Trajectories>;
  /**
   * Finds the test data or validation data: all rows of a file of their own at `path`, or those that the configuration takes out.
   * @param data the others, which they must be like.
   * @throws UserError when the file or what is in it can't serve, or is not like the others.
   */
  openHeld(
    kind: 'test' | 'validation',
    config: Config,
    path: DataPath,
    data: Trajectories,
    context?: Pick<FieldContext, 'held'>,
  ): Promise<Trajectories>;
}
