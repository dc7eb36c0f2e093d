/** What a check found, as a person reads it. `note`: worth knowing, and no problem. */
export interface Finding {
  readonly check: string;
  readonly result: 'ok' | 'note' | 'problem';
  readonly found: string;
  /** What to do about it. */
  readonly remedy?: string;
}
