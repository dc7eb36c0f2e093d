/** What a model is about, as far as published settings differ by it. */
export type ModelKind = 'language' | 'fields';

/** A published method as a set of settings: one file, one line in the registry. */
export interface Preset {
  readonly name: string;
  /** The method, its source, and what it does, for the docs. */
  readonly description: string;
  /** Keys of the `balance` section, dotted, that make up the method: with another value it would be another method. */
  readonly essential: readonly string[];
  /** Keys of the run file's `balance` section, as they would be written there. */
  settings(kind: ModelKind): Readonly<Record<string, unknown>>;
}

/** The first and the last layer of a model; a language model's last one is its head, which is never balanced. */
export const bothEnds = (kind: ModelKind): 'first' | 'both' => (kind === 'language' ? 'first' : 'both');
