/** What a layer's spectrum would be if its weights were the same numbers in random places. */
import type { Random } from '../core/random.ts';
import type { LayerKind } from '../tensors/layer.ts';
import type { WeightTensor } from '../tensors/tensor.ts';
import type { Conv1dReading } from './config.ts';
import { matricesOf } from './matrices.ts';
import { spectrumOfMatrix } from './pooled-spectrum.ts';
import type { SpectrumSource } from './spectrum-source.ts';

/** A layer against its own weights in random places. */
export interface RandomisedComparison {
  /** Eigenvalues of the weights in random places, ascending, all matrices pooled. */
  readonly eigenvalues: Float64Array;
  /** Eigenvalues of the randomised weights beyond the edge of random-matrix theory: single huge entries make them. */
  readonly traps: number;
  /** Eigenvalues of the layer beyond that edge: directions that random weights of this size wouldn't have. */
  readonly spikes: number;
  /** Largest difference between the two cumulative distributions: 0 alike, 1 apart. */
  readonly distance: number;
}

/** 99.9 % quantiles of the Tracy-Widom distributions of real and of complex matrices. */
const tracyWidom = { real: 3.2722, complex: 1.3144 } as const;

/**
 * Where the largest eigenvalue of a random `rows` x `columns` matrix with entries of this variance stays below in 999 of
 * 1000 cases: the Marchenko-Pastur edge with Johnstone's centring and scaling (Annals of Statistics 29, 2001).
 */
export function randomEdge(rows: number, columns: number, variance: number, complex = false): number {
  const a = Math.sqrt(complex ? rows : Math.max(rows - 0.5, 0.5));
  const b = Math.sqrt(complex ? columns : Math.max(columns - 0.5, 0.5));
  const spread = (a + b) * (1 / a + 1 / b) ** (1 / 3);
  return variance * ((a + b) ** 2 + (complex ? tracyWidom.complex : tracyWidom.real) * spread);
}

/**
 * How many of the eigenvalues of a `rows` x `columns` matrix lie beyond the edge of a random one, whose variance is that of
 * the eigenvalues that do not.
 */
export function countBeyondEdge(eigenvalues: Float64Array, rows: number, columns: number, complex = false): number {
  let rest = 0;
  for (const eigenvalue of eigenvalues) rest += eigenvalue;
  let beyond = 0;
  while (beyond < eigenvalues.length - 1) {
    const candidate = eigenvalues[eigenvalues.length - 1 - beyond]!;
    const left = rest - candidate;
    const variance = left / ((rows - beyond - 1) * (columns - beyond - 1));
    if (!(candidate > randomEdge(rows, columns, variance, complex))) break;
    rest = left;
    beyond++;
  }
  return beyond;
}

/**
 * Permutes the entries of each of the layer's matrices and takes the spectrum again; of a Conv1d by rows, whose matrices may be
 * single columns that keep their length in any order, all entries of the weight change places. `known` is the layer's own spectrum,
 * which a layer of one matrix need not have computed again.
 * @throws UserError when a weight hasn't the axes of its kind.
 */
export async function compareWithRandomised(
  kind: LayerKind,
  weights: readonly (readonly [name: string, weight: WeightTensor])[],
  conv1d: Conv1dReading,
  solver: SpectrumSource,
  random: Random,
  known?: Float64Array,
): Promise<RandomisedComparison> {
  const real: number[] = [];
  const randomised: number[] = [];
  let traps = 0;
  let spikes = 0;
  for (const [name, weight] of weights) {
    const shuffled = matricesOf(kind, name, shuffleEntries(kind, weight, conv1d, random), conv1d);
    for (const matrix of matricesOf(kind, name, weight, conv1d)) {
      const there = kind === 'linear' && known ? known : await spectrumOfMatrix(matrix, solver);
      const here = await spectrumOfMatrix(shuffled.next().value!, solver);
      const complex = matrix.multiplicity === 2;
      const [rows, columns] = [matrix.rows / matrix.multiplicity, matrix.columns / matrix.multiplicity];
      spikes += countBeyondEdge(there, rows, columns, complex);
      traps += countBeyondEdge(here, rows, columns, complex);
      for (const eigenvalue of there) real.push(eigenvalue);
      for (const eigenvalue of here) randomised.push(eigenvalue);
    }
  }
  const eigenvalues = Float64Array.from(randomised).sort();
  return { eigenvalues, traps, spikes, distance: kolmogorovSmirnov(Float64Array.from(real).sort(), eigenvalues) };
}

/** The weight with the entries of each of its matrices in random order; a complex entry moves as one. */
function shuffleEntries(kind: LayerKind, weight: WeightTensor, conv1d: Conv1dReading, random: Random): WeightTensor {
  const parts = kind === 'spectralConv' ? 2 : 1;
  const [rows = 1, columns = 1] = weight.shape;
  const isWhole = kind === 'conv1d' && conv1d === 'rows';
  const entries = isWhole ? weight.data.length : rows * columns;
  const stride = weight.data.length / entries;
  const data = weight.data.slice();
  for (let slice = 0; slice < stride; slice += parts) {
    for (let last = entries - 1; last > 0; last--) {
      const a = last * stride + slice;
      const b = random.integer(last + 1) * stride + slice;
      for (let part = 0; part < parts; part++) {
        const kept = data[a + part]!;
        data[a + part] = data[b + part]!;
        data[b + part] = kept;
      }
    }
  }
  return { shape: weight.shape, data };
}

/** Largest difference between the cumulative distributions of two ascending lists. */
export function kolmogorovSmirnov(first: Float64Array, second: Float64Array): number {
  let distance = 0;
  let j = 0;
  for (let i = 0; i < first.length; ) {
    const value = Math.min(first[i]!, second[j] ?? Number.POSITIVE_INFINITY);
    while (i < first.length && first[i]! <= value) i++;
    while (j < second.length && second[j]! <= value) j++;
    distance = Math.max(distance, Math.abs(i / first.length - j / second.length));
  }
  return distance;
}
