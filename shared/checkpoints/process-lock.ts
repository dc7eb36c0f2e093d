import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';

const holderSchema = z.object({
  pid: z.int(),
  host: z.string(),
  /** Start time of the process in clock ticks since boot, where the system tells it: a reused pid differs in it. */
  started: z.string(),
  since: z.string(),
});

/** The process that holds a lock. */
export type LockHolder = z.infer<typeof holderSchema>;

/** Field 22 of /proc/<pid>/stat; empty where there is no such file. */
async function processStart(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

async function isAlive(holder: LockHolder): Promise<boolean> {
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return (await processStart(holder.pid)) === holder.started;
}

async function readHolder(path: string): Promise<{ text: string; holder: LockHolder | undefined } | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    const parsed = holderSchema.safeParse(JSON.parse(text));
    return { text, holder: parsed.data };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) return { text: '', holder: undefined };
    throw error;
  }
}

/** Takes a dead holder's file away, unless somebody has replaced it in the meantime. */
async function removeStale(path: string, seen: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const taken = await readHolder(aside);
  if (taken && taken.text !== seen) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

/** A lock that this process holds. */
export interface ProcessLock {
  readonly held: true;
  release(): Promise<void>;
}

/**
 * Takes the lock file `path` for this process, or says which live process has it. A lock left by a process that died
 * (killed, crashed, machine restarted) is taken over; one from another host is believed.
 */
export async function acquireProcessLock(
  path: string,
  now: () => Date,
): Promise<ProcessLock | { held: false; holder: LockHolder }> {
  await mkdir(dirname(path), { recursive: true });
  const mine: LockHolder = {
    pid: process.pid,
    host: hostname(),
    started: await processStart(process.pid),
    since: now().toISOString(),
  };
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(mine));
  try {
    for (;;) {
      try {
        await link(draft, path);
        return { held: true, release: () => rm(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const current = await readHolder(path);
      if (!current) continue;
      if (current.holder && (await isAlive(current.holder))) return { held: false, holder: current.holder };
      await removeStale(path, current.text);
    }
  } finally {
    await rm(draft, { force: true });
  }
}
