import { csvRows } from '../core/csv.ts';
import { type EpochPoint, scalarsOf } from './trackers/tracker.ts';

/** A run whose epochs are written. */
export interface WrittenRun {
  readonly run: string;
  readonly seed: number;
  /** The kind of balancing, in a word. */
  readonly balance: string;
  readonly epochs: readonly EpochPoint[];
}

/** Metrics of any number of runs as CSV: a row for each epoch of each run, a column for each number that any of them has. */
export function epochsCsv(runs: readonly WrittenRun[]): string {
  const rows = runs.flatMap(({ run, seed, balance, epochs }) =>
    epochs.map((point) => ({ run, seed, balance, epoch: point.epoch, values: new Map(scalarsOf(point)) })),
  );
  const names = [...new Set(rows.flatMap(({ values }) => [...values.keys()]))];
  return csvRows([
    ['run', 'seed', 'balance', 'epoch', ...names],
    ...rows.map(({ run, seed, balance, epoch, values }) => [
      ...[run, seed, balance, epoch],
      ...names.map((name) => values.get(name) ?? ''),
    ]),
  ]);
}
