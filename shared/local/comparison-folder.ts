/** Comparisons as folders: `<folder>/<name>/`; the folder is the store's root and the name is the comparison's key prefix. */
import { fileStore } from '../checkpoints/file-store.ts';
import type { RunFolder } from './run-folder.ts';

/** The folder of a comparison. */
export interface ComparisonFolder extends Pick<RunFolder, 'root' | 'store'> {
  /** The comparison's name: its key prefix. */
  readonly comparison: string;
}

export const comparisonIn = (root: string, name: string): ComparisonFolder => ({
  root,
  comparison: name,
  store: fileStore(root),
});
