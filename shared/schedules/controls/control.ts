/** Something that has a factor of its own: a layer or a block. */
export interface Controlled {
  /** Shape of the layer's weight, or of all weights of the block. */
  readonly shape: string;
  readonly factor: number;
}

/** A change to the factors of a balanced run that shows whether the spectra matter: one file, one line in the registry. */
export interface Control {
  readonly name: string;
  /** A phrase that says what the control does, to follow its name. */
  readonly effect: string;
  /** The changed factors, in the order in which they are given. A pure function of its arguments. */
  apply(controlled: readonly Controlled[], seed: number): number[];
}
