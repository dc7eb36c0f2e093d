import type { PowerLawFit } from '../spectrum.ts';

/** The input of a metric: one layer's spectrum and its fit. */
export interface MetricInput {
  /** All squared singular values of the layer, ascending. */
  readonly eigenvalues: Float64Array;
  /** The eigenvalues without zeros, where zeros are filtered; else all of them. */
  readonly kept: Float64Array;
  /** Eigenvalues at or below this count as zero in a rank. */
  readonly floor: number;
  /** Sides of one of the layer's matrices. */
  readonly short: number;
  readonly long: number;
  /** The tail that fits a power law best; null without one. */
  readonly bestFit: PowerLawFit | null;
}

/** A number about a layer's spectrum: a line in the registry. */
export interface SpectrumMetric<Name extends string = string> {
  readonly name: Name;
  /** A sentence about the metric for a reader who meets it for the first time. */
  readonly description: string;
  /** Null where the number would mean nothing. */
  measure(input: MetricInput): number | null;
}

/** A metric; a result that is not a finite number becomes null. */
export function metric<const Name extends string>(
  name: Name,
  description: string,
  measure: (input: MetricInput) => number | null,
): SpectrumMetric<Name> {
  return {
    name,
    description,
    measure(input) {
      const value = input.eigenvalues.length === 0 ? null : measure(input);
      return value !== null && Number.isFinite(value) ? value : null;
    },
  };
}

/** The largest eigenvalue. */
export const largest = (eigenvalues: Float64Array): number => eigenvalues.at(-1) ?? 0;

/** Sum of the eigenvalues: the squared Frobenius norm. */
export function total(eigenvalues: Float64Array): number {
  let sum = 0;
  for (const eigenvalue of eigenvalues) sum += eigenvalue;
  return sum;
}
