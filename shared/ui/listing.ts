/** The lists of runs and comparisons on the page, and their source. */
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import type { Outcome } from '../decisions/decide.ts';
import type { Unfinished } from '../local/run-folder.ts';

/** An outcome, or how something stands that has none: see `Unfinished`. */
export type LineState = Outcome | Unfinished | 'judged' | 'unreadable';

/** A run in a line of the list. */
export interface RunLine {
  /** The key prefix of the run in the store. */
  readonly id: string;
  readonly name: string;
  /** The folder that it lies in, below the one that is listed; empty: in that one. */
  readonly folder: string;
  readonly state: LineState;
  /** Why it ended, or can't be read; may be empty. */
  readonly reason: string;
  /** The last committed epoch; null before the first commit. */
  readonly epoch: number | null;
  /** The number of epochs that are asked for. */
  readonly epochs: number | null;
  readonly metric: string | null;
  readonly direction: 'lower' | 'higher';
  readonly best: number | null;
  readonly bestEpoch: number | null;
  /** `off`, or the preset, or the map from values of layers to factors, with the control in brackets. */
  readonly preset: string | null;
  readonly seed: number | null;
  readonly learningRate: number | null;
  readonly seconds: number;
  readonly usd: number | null;
  /** The time of its start in ISO 8601; null where it is not on record. */
  readonly begunAt: string | null;
}

/** A comparison in a line of the list. */
export interface ComparisonLine {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  readonly state: LineState;
  /** The findings, or the reason of a failure; empty before its end. */
  readonly reason: string;
  /** Runs that have a result, and all that are known to come. */
  readonly done: number;
  readonly runs: number;
  readonly arms: number;
  readonly metric: string | null;
  readonly seconds: number;
  readonly usd: number | null;
}

/** All runs and comparisons at one moment. */
export interface Listing {
  readonly runs: readonly RunLine[];
  readonly comparisons: readonly ComparisonLine[];
  /** What is to be said of the list, such as folders that were not looked into. */
  readonly notes: readonly string[];
}

/** A folder or a deployment whose runs are shown; nothing in it is written. */
export interface RunSource {
  /** For the page's heading. */
  readonly label: string;
  readonly store: ArtifactStore;
  /** Milliseconds between two looks at it. */
  readonly refreshMs: number;
  list(): Promise<Listing>;
}

/** The difference between one listing and the next. */
export interface ListingChange extends Listing {
  /** Ids of runs and comparisons that are no longer there. */
  readonly gone: readonly string[];
}

/** The lines that differ; undefined where none does. */
export function changeOf(before: Listing, now: Listing): ListingChange | undefined {
  const known = new Map([...before.runs, ...before.comparisons].map((line) => [line.id, JSON.stringify(line)]));
  const isNew = (line: RunLine | ComparisonLine) => known.get(line.id) !== JSON.stringify(line);
  const there = new Set([...now.runs, ...now.comparisons].map(({ id }) => id));
  const change = {
    runs: now.runs.filter(isNew),
    comparisons: now.comparisons.filter(isNew),
    notes: now.notes,
    gone: [...known.keys()].filter((id) => !there.has(id)),
  };
  const isSame =
    change.runs.length + change.comparisons.length + change.gone.length === 0 &&
    before.notes.join('\n') === now.notes.join('\n');
  return isSame ? undefined : change;
}

/** The folder and the name in a key prefix. */
export function placeOf(id: string): { name: string; folder: string } {
  const cut = id.lastIndexOf('/');
  return { name: id.slice(cut + 1), folder: id.slice(0, Math.max(0, cut)) };
}
