import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { codeOf, diskError } from './disk-error.ts';
import { draftName } from './drafts.ts';
import { processStart } from './process-start.ts';

const holderSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  /** Start of the process, where the system tells it: a reused pid differs in it. */
  started: z.string(),
  since: z.string(),
  /** Makes every taking of the lock another one. */
  token: z.string(),
});

/** The process that holds a lock. */
export type LockHolder = z.infer<typeof holderSchema>;

async function isAlive(holder: LockHolder): Promise<boolean> {
  if (holder.host !== hostname()) return true;
  const started = await processStart(holder.pid);
  return started === undefined || started === holder.started;
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    return holderSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Who holds a lock, and whether that process lives; undefined where nobody does. A process on another host is believed to live. */
export async function lockHolder(path: string): Promise<{ holder: LockHolder; isAlive: boolean } | undefined> {
  const found = await readLock(path);
  const holder = found === undefined ? undefined : parseHolder(found);
  return holder && { holder, isAlive: await isAlive(holder) };
}

/** A lock that this process holds. */
export interface ProcessLock {
  readonly held: true;
  release(): Promise<void>;
}

/** Whoever else has the lock. */
export interface LockRefusal {
  readonly held: false;
  readonly holder: LockHolder;
}

/**
 * Takes the lock file `path` for this process, or says which live process has it. A lock left by a process that died
 * (killed, crashed, machine restarted) is taken over, by one process however many try; one from another host is believed.
 * @throws RunError when the disk is full.
 */
export async function acquireProcessLock(path: string, now: () => Date): Promise<ProcessLock | LockRefusal> {
  const mine: LockHolder = {
    pid: process.pid,
    host: hostname(),
    started: (await processStart(process.pid)) ?? '',
    since: now().toISOString(),
    token: randomUUID(),
  };
  const draft = join(dirname(path), draftName());
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, JSON.stringify(mine));
    for (;;) {
      if (await placeLock(draft, path)) return heldLock(path);
      const found = await readLock(path);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      if (holder && (await isAlive(holder))) return { held: false, holder };
      if (!(await removeStale(path, found, now))) await sleep(1 + 4 * Math.random());
    }
  } catch (error) {
    throw diskError(error, path);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

async function placeLock(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function heldLock(path: string): ProcessLock {
  let released = false;
  return {
    held: true,
    async release() {
      if (released) return;
      released = true;
      await rm(path, { force: true });
    },
  };
}

/**
 * Removes a dead holder's lock; false when another process is at it. Only the holder of a second lock, named after the
 * very content that was found, may remove that content: so nobody removes the lock of the next holder.
 */
async function removeStale(path: string, found: string, now: () => Date): Promise<boolean> {
  const digest = createHash('sha256').update(found).digest('hex').slice(0, 16);
  const right = await acquireProcessLock(`${path}.${digest}`, now);
  if (!right.held) return false;
  try {
    if ((await readLock(path)) === found) await rm(path, { force: true });
  } finally {
    await right.release();
  }
  return true;
}
