import type { z } from 'zod';
import type { ArrayFile } from './arrays/array-file.ts';
import type { FieldSettings } from './field-settings.ts';

/** The context in which fields are read, besides the settings. */
export interface FieldContext {
  readonly seed: number;
  /** Bytes of samples that are held in memory, more are read whenever they are needed; absent: as usual. */
  readonly held?: number;
}

/**
 * A format of fields: one file, one line in the registry. It says how a file is opened as arrays. Which arrays, axes and rows are taken of
 * them follows from settings that all formats have.
 */
export interface FieldFormat<Config extends FieldSettings = FieldSettings> {
  readonly name: string;
  readonly kind: 'trajectories';
  /** The schema of its part of the run file: `fieldSettings`, with settings of its own where it has some. */
  readonly configSchema: z.ZodType<Config>;
  /**
   * Opens a file (or a folder) for reading, hands it to `use`, and closes it whatever happens.
   * @param path the resolved path of one file.
   * @throws UserError when there is no such file, or it is of another format or damaged.
   */
  withFile<Result>(path: string, use: (file: ArrayFile) => Result | Promise<Result>, config: Config): Promise<Result>;
}
