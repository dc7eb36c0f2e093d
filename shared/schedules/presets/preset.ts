/** The kinds of models for which published settings differ. */
export type ModelKind = 'language' | 'fields';

/** A published method as a set of settings: one file, one line in the registry. */
export interface Preset {
  readonly name: string;
  /** The method, its source, and what it does, for the docs. */
  readonly description: string;
  /** Keys of the `balance` section, e.g. `assignment.function`, whose values define the method: others are refused beside it. */
  readonly essential: readonly string[];
  /** The `balance` section that the preset stands for, as it would be written in a run file. */
  settings(kind: ModelKind): Readonly<Record<string, unknown>>;
}

/** `excludeEnds` for methods that leave out the first and the last layer: a language model's last one is its head, which is never balanced. */
export const bothEnds = (kind: ModelKind): 'first' | 'both' => (kind === 'language' ? 'first' : 'both');
