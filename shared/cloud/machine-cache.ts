/** Data sets and models that stay on a machine from one job to the next, so that the second does not fetch them again. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { fingerprintFile } from '../datasets/fingerprint.ts';

/** A content to be had: a name that identifies it, and its size. */
export interface CachedContent {
  /** A digest of where it is from and of its version. */
  readonly id: string;
  readonly bytes: number;
}

export interface MachineCache {
  /** A folder of the job's own, on the disk of the cache; what is in it stays, whatever the cache lets go. */
  readonly scratch: string;
  /**
   * Puts content at `path`, below `scratch`: from the cache where it is there and intact, else by `download`, which writes a file or a
   * folder to the path that it is given.
   */
  fetch(content: CachedContent, path: string, download: (path: string) => Promise<void>): Promise<void>;
}

/** Folders of jobs that did not clear up are removed after this: no job runs longer than a day. */
const abandonedMs = 2 * 86_400_000;

const digestsFile = 'digests.json';
const digestsSchema = z.record(z.string(), z.object({ bytes: z.number(), sha256: z.string() }));

/**
 * Opens a cache in a folder that jobs of this machine share. Content lies in a folder of its own, which appears whole or not at all, with
 * digests of its files, by which it is checked whenever it is used. A job gets links to the files, so that another may let go of what it reads.
 * @param options.mostBytes the content that is kept, at most; what was used longest ago goes first.
 * @param options.tell told what is used again, or was damaged.
 * @throws when the folder can't be written.
 */
export async function openMachineCache(
  folder: string,
  {
    job,
    mostBytes,
    tell,
    now = Date.now,
  }: { job: string; mostBytes: number; tell: (what: string) => void; now?: () => number },
): Promise<MachineCache> {
  const [contents, jobs] = [join(folder, 'contents'), join(folder, 'jobs')];
  const scratch = join(jobs, job);
  await mkdir(contents, { recursive: true });
  await mkdir(scratch, { recursive: true });
  await sweep(jobs, job, now());
  return {
    scratch,
    async fetch({ id, bytes }, path, download) {
      const entry = join(contents, id);
      if (await takeFrom(entry, path, { now: now(), tell })) {
        tell(`used again from this machine: ${formatBytes(bytes)} (${id})`);
        return;
      }
      const told = (failure: unknown) => tell(`not kept on this machine: ${messageOf(failure)}`);
      // Room is made before anything is fetched, which may need all of the disk.
      await letGo(contents, Math.max(0, mostBytes - bytes)).catch(told);
      const draft = join(scratch, `draft-${randomUUID()}`);
      try {
        await mkdir(draft);
        await download(join(draft, 'files'));
        await linkTree(join(draft, 'files'), path);
        if (bytes <= mostBytes) await keep(draft, entry, now()).catch(told);
      } finally {
        await rm(draft, { recursive: true, force: true });
      }
    },
  };
}

/** Links content to `path` where it is there and intact. Another job may let go of it meanwhile: then it is not there. */
async function takeFrom(
  entry: string,
  path: string,
  { now, tell }: { now: number; tell: (what: string) => void },
): Promise<boolean> {
  if (!(await isIntact(entry, tell))) return false;
  try {
    await utimes(entry, now / 1000, now / 1000);
    await linkTree(join(entry, 'files'), path);
    return true;
  } catch {
    await rm(path, { recursive: true, force: true });
    return false;
  }
}

async function sweep(jobs: string, own: string, now: number): Promise<void> {
  for (const name of await readdir(jobs)) {
    const path = join(jobs, name);
    const { mtimeMs } = (await stat(path).catch(() => undefined)) ?? { mtimeMs: now };
    if (name !== own && now - mtimeMs > abandonedMs) await rm(path, { recursive: true, force: true });
  }
}

/** Whether content is there as it was fetched; what is damaged is removed. */
async function isIntact(entry: string, tell: (what: string) => void): Promise<boolean> {
  const text = await readFile(join(entry, digestsFile), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const found = await digestsOf(join(entry, 'files')).catch(() => undefined);
  const noted = digestsSchema.safeParse(parsed(text)).data;
  if (found && noted && JSON.stringify(found) === JSON.stringify(noted)) return true;
  tell(`${entry}: damaged, fetched again`);
  await rm(entry, { recursive: true, force: true });
  return false;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Size and digest of a file, or of the files in a folder by their names, in order. */
async function digestsOf(path: string): Promise<z.output<typeof digestsSchema>> {
  const digests: z.output<typeof digestsSchema> = {};
  for (const file of (await filesIn(path)).toSorted()) {
    const { bytes, sha256 } = await fingerprintFile(file);
    digests[relative(path, file)] = { bytes, sha256 };
  }
  return digests;
}

async function filesIn(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function linkTree(from: string, to: string): Promise<void> {
  for (const file of await filesIn(from)) {
    const target = join(to, relative(from, file));
    await mkdir(dirname(target), { recursive: true });
    await link(file, target);
  }
}

/** Keeps what was fetched for other jobs; another one may have been as fast. */
async function keep(draft: string, entry: string, now: number): Promise<void> {
  await writeFile(join(draft, digestsFile), JSON.stringify(await digestsOf(join(draft, 'files'))));
  await utimes(draft, now / 1000, now / 1000);
  await rename(draft, entry).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

/** Removes what was used longest ago until no more than `most` bytes are left. */
async function letGo(contents: string, most: number): Promise<void> {
  const kept = await Promise.all(
    (await readdir(contents)).map(async (name) => {
      const path = join(contents, name);
      const [{ mtimeMs: usedAt }, files] = await Promise.all([stat(path), filesIn(join(path, 'files'))]);
      const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
      return { path, usedAt, bytes: sizes.reduce((sum, size) => sum + size, 0) };
    }),
  );
  let total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of kept.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (total <= most) return;
    await rm(path, { recursive: true, force: true });
    total -= bytes;
  }
}
