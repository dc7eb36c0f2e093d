import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileStore } from '../../shared/checkpoints/file-store.ts';
import { readHeadManifest, readManifest } from '../../shared/checkpoints/manifest.ts';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { beginRun, lockRun, newRun } from '../../shared/local/run-folder.ts';
import type { PooledRun } from '../../shared/local/run-messages.ts';
import { openRunPool } from '../../shared/local/run-pool.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { firstOutputOf, moduleOf, startProgram } from '../support/child.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

/** Writes the request of a small run into `root`. */
async function request(root: string, name: string, ...overrides: string[]): Promise<PooledRun> {
  const file = await writeRunFile(root);
  const all = [`output.folder=${root}`, `output.name=${name}`, ...overrides];
  const config = await loadRunFile(file, all.map(parseOverride));
  const folder = await newRun(config, { now: new Date() });
  await beginRun(folder, config);
  return { root, run: name };
}

/** What every run must come to, whoever does it: digests of weights and optimizer, and the spectra, of every epoch. */
async function bitsOf({ root, run }: PooledRun) {
  const store = fileStore(root);
  const { epoch: last } = await readHeadManifest(store, run);
  const perEpoch = [];
  for (let epoch = 0; epoch <= last; epoch++) {
    const { files } = (await readManifest(store, run, epoch))!;
    perEpoch.push(['model.safetensors', 'optimizer.safetensors', 'spectra.json', 'rates.json'].map((f) => files[f]));
  }
  return perEpoch;
}

function poolOf(processes: number) {
  const pool = openRunPool({ processes, threads: 1 });
  onTestFinished(() => pool.close());
  return pool;
}

/** Different seeds, rates and arms of the same model, and another model. */
const kinds = [
  ['training.seed=1'],
  ['training.seed=2', 'training.learningRate=0.01'],
  ['balance=off'],
  ['model.width=12'],
  ['training.batchSize=3'],
];

const ignore = () => undefined;
const steps = (events: readonly ProgressEvent[]) => events.filter(({ type }) => type === 'step');
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const pidOf = async ({ root, run }: PooledRun): Promise<number> =>
  JSON.parse(await readFile(join(root, run, 'lock.json'), 'utf8')).pid;

/** A pool with a run of many epochs that has committed one. */
async function underWay(processes = 1) {
  const root = await temporaryFolder();
  const pool = poolOf(processes);
  const task = await request(root, 'long', 'training.epochs=100000', 'convergence.patience=null');
  const events: ProgressEvent[] = [];
  let committed = ignore as () => void;
  const begun = new Promise<void>((resolve) => {
    committed = resolve;
  });
  const ended = pool.run(task, (event) => {
    events.push(event);
    if (event.type === 'epoch' && event.epoch > 0) committed();
  });
  await begun;
  return { root, pool, task, events, ended };
}

describe('runs in a pool', () => {
  it('come to the same bits in one process as in two, and as in processes of their own', async () => {
    const [one, two, own] = [await temporaryFolder(), await temporaryFolder(), await temporaryFolder()];
    const doAll = async (root: string, processes: number) => {
      const pool = poolOf(processes);
      const tasks = await Promise.all(kinds.map((overrides, index) => request(root, `run${index}`, ...overrides)));
      const ends = await Promise.all(tasks.map((task) => pool.run(task, ignore)));
      expect(ends).toEqual(kinds.map(() => ({ status: 'done' })));
      return Promise.all(tasks.map(bitsOf));
    };
    const bits = await doAll(one, 1);
    expect(await doAll(two, 2)).toEqual(bits);
    for (const [index, overrides] of kinds.entries()) {
      const task = await request(own, `run${index}`, ...overrides);
      expect(await poolOf(1).run(task, ignore)).toEqual({ status: 'done' });
      expect(await bitsOf(task)).toEqual(bits[index]);
    }
    expect(new Set(bits.map((each) => JSON.stringify(each))).size).toBe(kinds.length);
    expect(bits[0]).toHaveLength(5);
    expect(
      bits[0]!
        .slice(1)
        .flat()
        .every((record) => record !== undefined),
    ).toBe(true);
  });

  it('are told of: every epoch, the end, and few of the steps', async () => {
    const root = await temporaryFolder();
    const events: ProgressEvent[] = [];
    expect(await poolOf(1).run(await request(root, 'a'), (event) => events.push(event))).toEqual({ status: 'done' });
    const epochs = events.flatMap((event) => (event.type === 'epoch' ? [event.epoch] : []));
    expect(epochs).toEqual([0, 1, 2, 3, 4]);
    expect(events.filter(({ type }) => type === 'finished')).toMatchObject([{ outcome: 'completed' }]);
    expect(steps(events).length).toBeGreaterThan(0);
  });

  it('fail by the name of the error and leave the process to the next', async () => {
    const root = await temporaryFolder();
    const pool = poolOf(1);
    const missing = await request(root, 'missing', `dataset.path=${join(root, 'none.hdf5')}`);
    const diverging = await request(root, 'diverging', 'training.learningRate=1e30');
    const good = await request(root, 'good');
    const ends = await Promise.all([missing, diverging, good].map((task) => pool.run(task, ignore)));
    expect(ends[0]).toEqual({
      status: 'failed',
      error: { name: 'UserError', message: expect.stringContaining('none.hdf5') },
    });
    expect(ends[1]).toEqual({ status: 'diverged' });
    expect(ends[2]).toEqual({ status: 'done' });
  });

  it('that another process has are refused', async () => {
    const root = await temporaryFolder();
    const task = await request(root, 'held');
    const lock = await lockRun({ ...task, store: fileStore(root) }, () => new Date());
    const end = await poolOf(1).run(task, ignore);
    expect(end).toMatchObject({ status: 'failed', error: { name: 'UserError', message: /is in use by process/ } });
    await lock.release();
  });

  it('are done by as many processes as there are, at most', async () => {
    const { root, pool, task } = await underWay(2);
    const other = await request(root, 'other');
    expect(await pool.run(other, ignore)).toEqual({ status: 'done' });
    expect(await pool.run(await request(root, 'third'), ignore)).toEqual({ status: 'done' });
    expect(isAlive(await pidOf(task))).toBe(true);
  });
});

describe('a pool', () => {
  it('that is stopped ends the run under way after a commit and waiting ones at once', async () => {
    const { root, pool, task, ended } = await underWay();
    const waiting = pool.run(await request(root, 'waiting'), ignore);
    pool.stop();
    expect(await waiting).toEqual({ status: 'interrupted' });
    expect(await ended).toEqual({ status: 'interrupted' });
    expect(await pool.run(await request(root, 'later'), ignore)).toEqual({ status: 'interrupted' });
    expect((await readHeadManifest(fileStore(root), task.run)).epoch).toBeGreaterThan(0);
    expect(await readdir(join(root, task.run))).not.toContain('lock.json');
    expect(await readdir(join(root, 'waiting'))).toEqual(['request.json']);
  });

  it('that is interrupted ends the run under way after its step, and lets go of it', async () => {
    const { root, pool, task, events, ended } = await underWay();
    const waiting = pool.run(await request(root, 'waiting'), ignore);
    pool.stop();
    pool.interrupt();
    expect([await waiting, await ended]).toEqual([{ status: 'interrupted' }, { status: 'interrupted' }]);
    expect(await readdir(join(root, task.run))).not.toContain('lock.json');
    expect(events.filter(({ type }) => type === 'finished')).toEqual([]);
  });

  it('that is closed has ended its processes', async () => {
    const { pool, task, ended } = await underWay();
    const pid = await pidOf(task);
    await pool.close();
    expect(await ended).toEqual({ status: 'interrupted' });
    expect(isAlive(pid)).toBe(false);
  });

  it('fails the run alone whose process is killed, with the signal, and does the next in another process', async () => {
    const { root, pool, task, ended } = await underWay();
    process.kill(await pidOf(task), 'SIGKILL');
    expect(await ended).toEqual({
      status: 'failed',
      error: { name: 'RunError', message: expect.stringMatching(/long: .*SIGKILL/) },
    });
    expect(await pool.run(await request(root, 'next'), ignore)).toEqual({ status: 'done' });
  });

  it('that is stopped has the run interrupted whose process had ended', async () => {
    const { pool, task, ended } = await underWay();
    const pid = await pidOf(task);
    pool.stop();
    process.kill(pid, 'SIGKILL');
    expect(await ended).toEqual({ status: 'interrupted' });
  });

  it('has processes that a signal of the terminal does not end', async () => {
    const { pool, task, ended } = await underWay();
    const pid = await pidOf(task);
    process.kill(pid, 'SIGINT');
    process.kill(pid, 'SIGTERM');
    await sleep(100);
    expect(isAlive(pid)).toBe(true);
    pool.stop();
    expect(await ended).toEqual({ status: 'interrupted' });
  });

  it('whose process is killed leaves none of its own', async () => {
    const root = await temporaryFolder();
    const task = await request(root, 'orphan', 'training.epochs=100000');
    const parent = startProgram(`
      import { openRunPool } from ${moduleOf('shared/local/run-pool.ts')};
      const pool = openRunPool({ processes: 1, threads: 1 });
      pool.run(${JSON.stringify(task)}, (event) => { if (event.type === 'epoch') process.stdout.write('begun '); });
    `);
    await firstOutputOf(parent);
    const pid = await pidOf(task);
    parent.kill('SIGKILL');
    while (isAlive(pid)) await sleep(20);
    expect(isAlive(pid)).toBe(false);
  });

  it('does not keep a process from ending when all runs are done', async () => {
    const root = await temporaryFolder();
    const task = await request(root, 'last');
    const output = execFileSync(
      process.execPath,
      [
        '--input-type=module-typescript',
        '--eval',
        `import { openRunPool } from ${moduleOf('shared/local/run-pool.ts')};
         const end = await openRunPool({ processes: 1, threads: 1 }).run(${JSON.stringify(task)}, () => undefined);
         process.stdout.write(end.status);`,
      ],
      { encoding: 'utf8' },
    );
    expect(output).toBe('done');
  });

  it('keeps a process from ending while it is closed with a run under way', async () => {
    const root = await temporaryFolder();
    const task = await request(root, 'long', 'training.epochs=100000', 'convergence.patience=null');
    const output = execFileSync(
      process.execPath,
      [
        '--input-type=module-typescript',
        '--eval',
        `import { openRunPool } from ${moduleOf('shared/local/run-pool.ts')};
         const pool = openRunPool({ processes: 1, threads: 1 });
         await new Promise((begun) => void pool.run(${JSON.stringify(task)}, begun));
         await pool.close();
         process.stdout.write('closed');`,
      ],
      { encoding: 'utf8' },
    );
    expect(output).toBe('closed');
  });
});
