import type { Ramp } from '../training/applied-rates.ts';

/** Factors on the base learning rate, the base weight decay, and the radius of SAM. */
export interface Multipliers {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Factor on the radius of SAM; absent: 1. */
  readonly rho?: number;
}

/** A ramp of a run, whose epochs may have another number of steps when it goes on. */
export interface RunRamp extends Ramp {
  /** Steps in an epoch of the run that `begins` counts. */
  readonly stepsPerEpoch: number;
}

/** What an analysis hands the trainer: the content of `rates.json`. The trainer keeps its own base schedule. */
export interface RateTable {
  /** By parameter name; a parameter that is absent trains at the base rate. */
  readonly parameters: Readonly<Record<string, Multipliers>>;
  /** Multipliers by layer name, for reports. */
  readonly layers: Readonly<Record<string, Multipliers>>;
  /** Absent: the multipliers hold from the next step on. */
  readonly ramp?: RunRamp;
  /** Sentences about layers that were left at the base rate, with the reason. */
  readonly warnings: readonly string[];
}
