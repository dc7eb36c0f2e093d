import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What is small lies about without harm until the garbage collector comes by itself; a collection takes some 10 ms. */
const leastBytes = 2 ** 26;

let collect: (() => void) | undefined;

/**
 * Frees what nothing refers to any more, where as much as `bytes` has just been dropped or is about to be taken, and that is much. The memory of typed
 * arrays lies outside of the heap whose growth makes the garbage collector run, so that gigabytes of them may stay for minutes.
 */
export function collectGarbage(bytes: number): void {
  if (bytes < leastBytes) return;
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
