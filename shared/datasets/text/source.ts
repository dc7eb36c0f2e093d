import type { DataPath } from '../data-path.ts';
import type { Chat } from './chats.ts';
import type { ColumnNames } from './column-names.ts';
import type { GivenProblem } from './problem-type.ts';
import type { Wanted } from './text-files.ts';
import type { FileUnit } from './text-rows.ts';

/** A row as a format reads it: the values of the chosen columns, or what is wrong with it. */
export type SourceRow =
  | { readonly row: number; readonly values: readonly unknown[] }
  | {
      readonly row: number;
      readonly problem: string;
      /** Whether what comes after it can't be read either. */
      readonly isFatal?: boolean;
    };

/**
 * Says which of the columns in a file are wanted.
 * @param classNames the names of a column's classes, where the file itself says what its numbers, or those in its lists, stand for.
 * @throws UserError when a wanted one is missing.
 */
export type ChooseColumns = (
  present: readonly string[],
  classNames?: (column: string, inLists?: boolean) => readonly string[] | undefined,
) => readonly string[];

/** Why a chat can't be learnt; undefined: it can. */
export type ChatProblem = (chat: Chat) => string | undefined;

/** The context in which texts are read, besides the settings. */
export interface TextContext {
  readonly seed: number;
  /** Whether a row without a text is kept, with an empty one, instead of refused; absent: it is refused. */
  readonly keepEmpty?: boolean;
  /** What is to be learnt of the rows; absent: lists of labels are taken for several labels, and all else for one. */
  readonly problem?: GivenProblem;
  /** Names that columns are looked for by before the usual ones, where the settings name none. */
  readonly likely?: ColumnNames;
  /** Whether labels are looked for by usual names besides `label`; absent: they are. */
  readonly guessLabels?: boolean;
  /** Whether chats, and prompts with completions, are looked for before texts; absent: they are not. */
  readonly chats?: boolean;
  /** Opens what says of a chat why it can't be learnt, e.g. the template of a model's folder; absent: any can. */
  readonly chatProblems?: () => Promise<ChatProblem>;
  /** Whether every row has a text and what is to be written of it: `wanted`, or `given`, where texts will do too. Absent: it has not. */
  readonly targets?: 'wanted' | 'given';
  /**
   * Whether rows are lists of words with their tags: `wanted`; `given`, where texts will do too and tags need not be there; or `likely`, where
   * the columns look so. Absent: they are not.
   */
  readonly words?: 'wanted' | 'given' | 'likely';
}

/** A reader of one format's file, row by row. */
export interface TextSource {
  readonly unit: FileUnit;
  /** The kind of file that the format wants, e.g. `one file of JSON lines`. */
  readonly wanted: string;
  /** Ends of names that files have in a folder, without a dot. */
  readonly endings: readonly string[];
  /** Whether a file says which columns it has, so that files of one data set have the same. */
  readonly hasSchema?: boolean;
  /** The files that a path stands for, where they are not found by their names. */
  filesOf?(path: DataPath, wanted: Wanted): Promise<readonly string[]>;
  /**
   * Goes through the file once; a row that can't be read is a problem and no error, so that all of them are found.
   * @throws UserError when the file as a whole can't be read.
   */
  read(path: string, choose: ChooseColumns): AsyncIterable<SourceRow>;
}

/** A text whose bytes are not UTF-8, from a format that doesn't check lines. */
export class BrokenText {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}
