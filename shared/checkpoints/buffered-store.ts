import { RunError } from '../core/errors.ts';
import { bufferSource } from '../tensors/byte-source.ts';
import { type ArtifactStore, checkKey, checkPrefix, sha256 } from './artifact-store.ts';
import { runKeys } from './run-keys.ts';

/** A store whose writes wait in memory. */
export interface BufferedStore extends ArtifactStore {
  /** Writes all that waits. A death at any moment of it leaves a run that can be recovered. */
  flush(): Promise<void>;
}

export interface BufferedOptions {
  /** Milliseconds after which a commit has all that waits written. */
  readonly longestWaitMs?: number;
  /** Bytes that may wait: beyond them all is written at once. */
  readonly mostBytes?: number;
  /** Milliseconds of a clock that only moves forward. */
  readonly now?: () => number;
}

/** A write or a deletion that waits: the new content of a key, or none. */
interface Change {
  readonly content: { readonly bytes: Uint8Array; readonly etag: string } | undefined;
  /** What the store beneath is to have until then: the version with this tag, nothing (null), or anything (undefined). */
  readonly over: string | null | undefined;
}

/** Files that are written at the same time: most of a write is waiting for the disk. */
const mostAtOnce = 16;

/**
 * A store for one run over another store, whose tags are the SHA-256 of the content as those of a folder are. Writes wait in
 * memory, and of several to a key the last alone is made. Nobody else may write to the run meanwhile (`lockRun`); who
 * did so is found out.
 *
 * Written are first the files from before the head's last move, in any order; then the head; then what came after it, in
 * turn; and deletions last. So after a death the head names the epoch of the last time or that of this time, and all files
 * of it are there. The first head is written as soon as it is set, for without one there is nothing to go back to.
 */
export function bufferedStore(
  store: ArtifactStore,
  run: string,
  { longestWaitMs = 60_000, mostBytes = 256 * 2 ** 20, now = () => performance.now() }: BufferedOptions = {},
): BufferedStore {
  const head = runKeys.head(run);
  /** The changes by key, in the order in which they were made. */
  const changes = new Map<string, Change>();
  const isOfRun = (key: string) => key.startsWith(`${run}/`);
  /** The run's keys in the store beneath, looked up once. */
  let known: Promise<Set<string>> | undefined;
  const keysBeneath = () => {
    known ??= store.list(`${run}/`).then((keys) => new Set(keys));
    known.catch(() => {
      known = undefined;
    });
    return known;
  };
  const isBeneath = async (key: string): Promise<boolean> =>
    isOfRun(key) ? (await keysBeneath()).has(key) : (await store.open(key)) !== undefined;
  const listBeneath = async (prefix: string): Promise<string[]> =>
    isOfRun(prefix) ? [...(await keysBeneath())].filter((key) => key.startsWith(prefix)) : store.list(prefix);
  let waitingBytes = 0;
  let flushedAt = now();
  let last: Promise<unknown> = Promise.resolve();

  /** One writer after the other: what one has found must hold until it has written. */
  function inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = last.then(action);
    last = result.catch(() => undefined);
    return result;
  }
  function forget(key: string): void {
    waitingBytes -= changes.get(key)?.content?.bytes.byteLength ?? 0;
    changes.delete(key);
  }
  function note(key: string, content: Change['content'], found: Change['over']): Change {
    const before = changes.get(key);
    const change = { content, over: before ? before.over : found };
    forget(key);
    changes.set(key, change);
    waitingBytes += content?.bytes.byteLength ?? 0;
    return change;
  }

  async function write(key: string, bytes: Uint8Array, found: Change['over']): Promise<string> {
    // More than may wait is written before this returns, while it is the caller's.
    const content = { bytes: bytes.byteLength > mostBytes ? bytes : bytes.slice(), etag: sha256(bytes) };
    const { over } = note(key, content, found);
    const isDue = key === head && (over === null || now() - flushedAt >= longestWaitMs);
    if (isDue || waitingBytes > mostBytes) await flush();
    return content.etag;
  }

  async function flush(): Promise<void> {
    const entries = [...changes];
    const moved = entries.findIndex(([key]) => key === head);
    const writes = entries.filter(([, { content }]) => content);
    const before = entries.slice(0, Math.max(0, moved)).filter(([, { content }]) => content);
    await atOnce(before, make);
    for (const entry of writes.slice(before.length)) await make(entry);
    await atOnce(
      entries.filter(([, { content }]) => !content),
      make,
    );
    flushedAt = now();
  }

  async function make([key, { content, over }]: [string, Change]): Promise<void> {
    if (!content) await store.delete(key);
    else if (over === undefined) await store.put(key, content.bytes);
    else {
      const { bytes, etag } = content;
      const made = over === null ? store.putIfAbsent(key, bytes) : store.putIfMatch(key, bytes, over);
      // The same content: it was written before, by a flush that did not get to hear of it.
      if ((await made) === undefined && (await store.get(key))?.etag !== etag) throw overtaken(store, key);
    }
    if (isOfRun(key)) {
      const keys = await keysBeneath();
      if (content) keys.add(key);
      else keys.delete(key);
    }
    forget(key);
  }

  const tagOf = async (key: string): Promise<string | undefined> => {
    const change = changes.get(key);
    return change ? change.content?.etag : (await store.get(key))?.etag;
  };
  const isThere = async (key: string): Promise<boolean> => {
    const change = changes.get(key);
    return change ? change.content !== undefined : isBeneath(key);
  };

  return {
    label: store.label,
    async get(key) {
      checkKey(key);
      // Who reads again and again must leave the disk its turn.
      await last;
      const change = changes.get(key);
      if (!change) return store.get(key);
      return change.content && { bytes: change.content.bytes.slice(), etag: change.content.etag };
    },
    async open(key) {
      checkKey(key);
      const change = changes.get(key);
      if (!change) return store.open(key);
      return change.content && bufferSource(key, change.content.bytes.slice());
    },
    async put(key, bytes) {
      checkKey(key);
      return inTurn(() => write(key, bytes, undefined));
    },
    async putIfAbsent(key, bytes) {
      checkKey(key);
      return inTurn(async () => ((await isThere(key)) ? undefined : write(key, bytes, null)));
    },
    async putIfMatch(key, bytes, etag) {
      checkKey(key);
      return inTurn(async () => ((await tagOf(key)) === etag ? write(key, bytes, etag) : undefined));
    },
    async list(prefix) {
      checkPrefix(prefix);
      const before = [...changes];
      const keys = new Set(await listBeneath(prefix));
      for (const [key, { content }] of [...before, ...changes]) {
        if (content && key.startsWith(prefix)) keys.add(key);
        else keys.delete(key);
      }
      return [...keys].sort();
    },
    async delete(key) {
      checkKey(key);
      await inTurn(async () => {
        if (changes.get(key)?.over === null) forget(key);
        else note(key, undefined, undefined);
      });
    },
    flush: () => inTurn(flush),
  };
}

/** Does something with all values, some at the same time. @throws the first error, when none is under way any more. */
async function atOnce<Value>(values: readonly Value[], action: (value: Value) => Promise<void>): Promise<void> {
  const left = values.values();
  const worker = async () => {
    for (const value of left) await action(value);
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(mostAtOnce, values.length) }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

const overtaken = (store: ArtifactStore, key: string) =>
  new RunError('was written by another process, though this one has the run', {
    where: `${store.label}/${key}`,
    remedy: 'Let the other process finish, or resume the run when it has stopped.',
  });
