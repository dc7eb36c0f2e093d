import type { z } from 'zod';
import type { PlainSettings } from './settings.ts';
import type { ChooseColumns, SourceRow, TextContext, TextSource } from './source.ts';

/**
 * A format of texts: one file, one line in the registry. It says how the rows of a file are read. Which of them serve, and what they hold,
 * follows from settings that all formats have.
 */
export interface TextFormat<Config extends PlainSettings = PlainSettings> extends Omit<TextSource, 'read'> {
  readonly name: string;
  readonly kind: 'text';
  /** The schema of its part of the run file: `format`, and `columnSettings`, or `plainSettings` for files that have no columns. */
  readonly configSchema: z.ZodType<Config>;
  /** Whether every value is a text, so that no row has a list; absent: values may be others. */
  readonly textsOnly?: boolean;
  /**
   * Goes through the file once; a row that can't be read is a problem and no error, so that all of them are found.
   * @param choose says which of the columns that the file has are wanted; called once, before the first row. Without columns a row is its text.
   * @throws UserError when the file as a whole can't be read.
   */
  read(path: string, choose: ChooseColumns, config: Config, context: TextContext): AsyncIterable<SourceRow>;
}
