import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Less lies about without harm until the garbage collector comes by itself; a collection takes some 10 ms. */
const leastBytes = 2 ** 26;

/** Bytes that were freed since the last collection. */
let dropped = 0;

let collect: (() => void) | undefined;
let giveBack: (() => void) | undefined;

/** glibc's own way to give what is free between things in use back to the system; elsewhere nothing is done. */
function trimmer(): () => void {
  const nothing = () => {};
  if (process.platform !== 'linux') return nothing;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const trim = koffi.load('libc.so.6').func('int malloc_trim(size_t)');
    return () => void trim(0);
  } catch {
    return nothing;
  }
}

/**
 * Frees what nothing refers to any more, where as much as `bytes` has just been dropped or is about to be taken, and that is much together with what was
 * told before. The memory of typed arrays lies outside of the heap whose growth makes the garbage collector run, so that gigabytes of them may stay for minutes. Once some were freed, glibc keeps
 * the memory of later ones of a few MiB for itself, hundreds of MiB in sum.
 */
export function collectGarbage(bytes: number): void {
  dropped += bytes;
  if (dropped < leastBytes) return;
  dropped = 0;
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  giveBack ??= trimmer();
  giveBack();
}
