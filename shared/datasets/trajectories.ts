/** PDE solutions on one regular grid, in memory. Axes: `values` is `[samples, ...space, time, channels]`, row-major. */
export interface Trajectories {
  readonly kind: 'trajectories';
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** Coordinates `[...space, dimensions]`. */
  readonly grid: { readonly shape: readonly number[]; readonly values: Float32Array };
  /** Names of the channels, in order. */
  readonly channels: readonly string[];
  /** Row of each sample in the source file. */
  readonly rows: readonly number[];
}
