/** Something that has a factor of its own: a layer or a block. */
export interface Controlled {
  /** The same for what is of the same shape. */
  readonly shape: string;
  readonly factor: number;
}

/** What is done to the factors of a balanced run, to see whether the spectra matter: one file, one line in the registry. */
export interface Control {
  readonly name: string;
  /** One factor for each, in their order. A pure function of its arguments. */
  apply(controlled: readonly Controlled[], seed: number): number[];
}
