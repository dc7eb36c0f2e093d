/** A folder of runs and a comparison for the page: made by the real workflow over a workload that costs nothing. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { comparisonKeys } from '../../shared/checkpoints/comparison-keys.ts';
import { fileStore } from '../../shared/checkpoints/file-store.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../../shared/config/run-file.ts';
import { lockRun } from '../../shared/local/run-folder.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { Workload } from '../../shared/training/workload.ts';
import { beginFake, comparison, doFake, fakeSettings } from './fake-comparison.ts';
import { fakeContext } from './fake-run.ts';
import { fakeWorkload } from './fake-workload.ts';
import { recordOf } from './predicted-fields.ts';

/** Waves, and the same waves a tenth too small. */
const predictions = recordOf([3, 16, 4, 1], {
  target: ({ sample, point, step }) => Math.sin(point / 3 + step + sample),
  predicted: ({ sample, point, step }) => 0.9 * Math.sin(point / 3 + step + sample),
});

/** A workload that also records what it predicted. */
const withFields = (workload: Workload): Workload => ({
  ...workload,
  evaluate: async (...given) => ({ ...(await workload.evaluate(...given)), predictions }),
});

/** Such a folder, and what can be done with it. */
export interface PageFolder {
  readonly root: string;
  /** Trains a run to its end, or only by the epochs of one task; it predicts fields, or something else. */
  train(
    run: string,
    config: RunConfig,
    options?: { readonly stops?: boolean; readonly fields?: boolean },
  ): Promise<void>;
  /** Asks for runs that nobody trains. */
  ask(names: readonly string[], config: RunConfig): Promise<void>;
  /** Marks a run as under way by this process, until the returned function is called. */
  hold(run: string): Promise<() => Promise<void>>;
  /** Leaves a run or a comparison as a process that died has left it. */
  crash(run: string): Promise<void>;
  /** Leaves the comparison as it was when its process died during one of its runs, until the returned function is called. */
  interrupt(child: string): Promise<() => Promise<void>>;
  /** Does a comparison, or only asks for it. */
  compare(options?: { readonly stops?: boolean }): Promise<void>;
}

export function pageFolder(root: string): PageFolder {
  const store = fileStore(root);
  let processes = 0;

  /** Leaves a lock of this process, as it was before the system used its number again. */
  async function crash(run: string): Promise<void> {
    await lockRun({ root, run, store }, () => new Date());
    const path = join(root, run, 'lock.json');
    const held = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...held, started: `${held.started}0` }));
  }

  return {
    root,
    crash,
    async train(run, config, { stops = false, fields = true } = {}) {
      await store.put(runKeys.request(run), encodeJson({ version: 1, config }));
      const workload = fakeWorkload();
      const context = fakeContext(store, fields ? withFields(workload) : workload, { process: `p${processes++}` });
      await runPipeline(run, context, () => stops, { retryDelay: 0 });
    },
    async ask(names, config) {
      const request = encodeJson({ version: 1, config });
      for (const name of names) {
        await mkdir(join(root, name), { recursive: true });
        await writeFile(join(root, name, 'request.json'), request);
      }
    },
    async hold(run) {
      const lock = await lockRun({ root, run, store }, () => new Date());
      return () => lock.release();
    },
    async interrupt(child) {
      const run = comparisonKeys.run(comparison, child);
      const keys = [comparisonKeys.outcome(comparison), comparisonKeys.result(comparison, child), runKeys.outcome(run)];
      const kept = await Promise.all(keys.map(async (key) => (await store.get(key))!.bytes));
      for (const key of keys) await store.delete(key);
      for (const id of [run, comparison]) await crash(id);
      return async () => {
        for (const [index, key] of keys.entries()) await store.put(key, kept[index]!);
        for (const id of [run, comparison]) await rm(join(root, id, 'lock.json'));
      };
    },
    async compare({ stops = false } = {}) {
      await beginFake(store, await fakeSettings({ seeds: { tuning: [101], test: [1, 2] } }));
      if (!stops) await doFake(store);
    },
  };
}
