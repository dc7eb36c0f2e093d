/** Columns by what they hold. */
export interface ColumnNames {
  readonly text?: string | undefined;
  readonly textPair?: string | undefined;
  readonly label?: string | undefined;
  /** Columns of zeros and ones, one for each label. */
  readonly labels?: readonly string[] | undefined;
  readonly messages?: string | undefined;
  readonly prompt?: string | undefined;
  readonly input?: string | undefined;
  readonly completion?: string | undefined;
  /** The column of the text that is to be written. */
  readonly target?: string | undefined;
  /** Lists of words, and of a tag for each. */
  readonly words?: string | undefined;
  readonly tags?: string | undefined;
}
