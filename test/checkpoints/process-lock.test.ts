import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../shared/checkpoints/artifact-store.ts';
import { acquireProcessLock, type LockRefusal } from '../../shared/checkpoints/process-lock.ts';
import { firstOutputOf, moduleOf, outputOf, startProgram } from '../support/child.ts';
import { temporaryFolder } from '../support/small-run.ts';

const now = () => new Date('2026-11-23T10:15:00Z');
const lockPath = async () => join(await temporaryFolder(), 'run', 'lock.json');

/** A child process that takes the lock, says so, and keeps it. */
const holdingChild = (path: string) =>
  startProgram(`
    import { acquireProcessLock } from ${moduleOf('shared/checkpoints/process-lock.ts')};
    await acquireProcessLock(${JSON.stringify(path)}, () => new Date());
    process.stdout.write('held');
    setTimeout(() => {}, 1e9);
  `);

async function kill(child: ReturnType<typeof startProgram>): Promise<void> {
  const ended = outputOf(child);
  child.kill('SIGKILL');
  await ended;
}

/** The lock file as a process that is gone would have left it, with these changes. */
async function leaveLock(path: string, changes: Record<string, unknown> = {}): Promise<void> {
  const gone = startProgram('');
  await outputOf(gone);
  const holder = { pid: gone.pid, host: hostname(), started: '1', since: now().toISOString(), token: 'left' };
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, JSON.stringify({ ...holder, ...changes }));
}

describe('a process lock', () => {
  it('is taken once and can be taken again after its release', async () => {
    const path = await lockPath();
    const lock = await acquireProcessLock(path, now);
    expect(lock.held).toBe(true);
    const refused = (await acquireProcessLock(path, now)) as LockRefusal;
    expect(refused.held).toBe(false);
    expect(refused.holder).toMatchObject({ pid: process.pid, host: hostname(), since: now().toISOString() });
    if (lock.held) await lock.release();
    expect((await acquireProcessLock(path, now)).held).toBe(true);
  });

  it('is released by its holder alone, however often that releases it', async () => {
    const path = await lockPath();
    const first = await acquireProcessLock(path, now);
    if (first.held) await first.release();
    await acquireProcessLock(path, now);
    if (first.held) await first.release();
    expect((await acquireProcessLock(path, now)).held).toBe(false);
  });

  it('leaves nothing but itself, and after the release nothing', async () => {
    const path = await lockPath();
    const lock = await acquireProcessLock(path, now);
    await acquireProcessLock(path, now);
    expect(await readdir(join(path, '..'))).toEqual(['lock.json']);
    if (lock.held) await lock.release();
    expect(await readdir(join(path, '..'))).toEqual([]);
  });

  it('is refused while its holder lives, with the pid, and taken over when that was killed', async () => {
    const path = await lockPath();
    const child = holdingChild(path);
    await firstOutputOf(child);
    const refused = (await acquireProcessLock(path, now)) as LockRefusal;
    expect(refused).toMatchObject({ held: false, holder: { pid: child.pid } });
    await kill(child);
    expect((await acquireProcessLock(path, now)).held).toBe(true);
    expect(JSON.parse(await readFile(path, 'utf8')).pid).toBe(process.pid);
    expect(await readdir(join(path, '..'))).toEqual(['lock.json']);
  });

  it('of another host is believed', async () => {
    const path = await lockPath();
    await leaveLock(path, { host: 'elsewhere' });
    expect(await acquireProcessLock(path, now)).toMatchObject({ held: false, holder: { host: 'elsewhere' } });
  });

  it.runIf(process.platform === 'linux')('is taken over when its pid now belongs to another process', async () => {
    const path = await lockPath();
    await leaveLock(path, { pid: process.pid, started: '1' });
    expect((await acquireProcessLock(path, now)).held).toBe(true);
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"pid": 12'],
    ['not a lock', '["x"]'],
    ['of a process that cannot be', '{"pid": 0}'],
  ])('is taken over when its file is %s', async (_, content) => {
    const path = await lockPath();
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
    expect((await acquireProcessLock(path, now)).held).toBe(true);
  });

  it('is taken over by exactly one of many that find it left behind', async () => {
    for (let round = 0; round < 10; round++) {
      const path = await lockPath();
      await leaveLock(path);
      const locks = await Promise.all(Array.from({ length: 20 }, () => acquireProcessLock(path, now)));
      expect(locks.filter(({ held }) => held)).toHaveLength(1);
      expect(await readdir(join(path, '..'))).toEqual(['lock.json']);
    }
  });

  it('is taken over even when the process that was about to do so was killed too', async () => {
    const path = await lockPath();
    await leaveLock(path);
    const right = `${path}.${sha256(await readFile(path)).slice(0, 16)}`;
    await leaveLock(right, { token: 'killed while taking over' });
    expect((await acquireProcessLock(path, now)).held).toBe(true);
    expect(await readdir(join(path, '..'))).toEqual(['lock.json']);
  });

  it('is taken over by exactly one of several processes', async () => {
    const path = await lockPath();
    await leaveLock(path);
    const contender = `
      import { acquireProcessLock } from ${moduleOf('shared/checkpoints/process-lock.ts')};
      process.stdout.write('ready ');
      await new Promise((go) => process.stdin.once('data', go));
      const lock = await acquireProcessLock(${JSON.stringify(path)}, () => new Date());
      process.stdout.write(lock.held ? 'held' : 'refused');
      await new Promise((go) => process.stdin.once('data', go));
      process.exit();
    `;
    const children = Array.from({ length: 6 }, () => startProgram(contender));
    await Promise.all(children.map(firstOutputOf));
    const answers = Promise.all(children.map(firstOutputOf));
    for (const child of children) child.stdin!.write('go');
    expect((await answers).filter((answer) => answer === 'held')).toHaveLength(1);
    const ends = Promise.all(children.map(outputOf));
    for (const child of children) child.stdin!.write('end');
    await ends;
  });
});
