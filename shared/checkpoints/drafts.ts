/** Files and folders that are being written, beside the place where they will stand. */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { processStart } from './process-start.ts';

/** A name that no other writer has, and that says who is writing. */
export const draftName = () => `draft-${process.pid}-${randomUUID()}@${hostname()}`;

/** Removes the drafts of processes of this machine that are gone. */
export async function sweepDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, pid, host] = /^draft-(\d+)-[^@]+@(.+)$/.exec(name) ?? [];
    if (pid === undefined || host !== hostname()) continue;
    if ((await processStart(Number(pid))) === 'gone') await rm(join(folder, name), { force: true, recursive: true });
  }
}
