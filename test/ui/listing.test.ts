import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
// @ts-expect-error: a module of the page, which has a tsconfig of its own
import { everything, filtered, paged, sorted, updated, valuesOf } from '../../shared/ui/browser/rows.js';
// @ts-expect-error: as above
import { axisOf, ticksOf } from '../../shared/ui/browser/scale.js';
import { folderSource } from '../../shared/ui/folder-source.ts';
import { changeOf, type RunLine } from '../../shared/ui/listing.ts';
import { watchListing } from '../../shared/ui/watch-listing.ts';
import { fakeConfig } from '../support/fake-run.ts';
import { pageFolder } from '../support/page-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

const line = (changes: Partial<RunLine> = {}): RunLine => ({
  id: 'runs/a',
  name: 'a',
  folder: 'runs',
  state: 'completed',
  reason: '',
  epoch: 4,
  epochs: 4,
  metric: 'nRMSE',
  direction: 'lower',
  best: 0.5,
  bestEpoch: 4,
  preset: 'off',
  seed: 1,
  learningRate: 0.001,
  seconds: 3,
  usd: null,
  begunAt: null,
  ...changes,
});

it('finds runs and comparisons at any depth, and reads a line anew only when its files change', async () => {
  const root = await temporaryFolder();
  const folder = pageFolder(root);
  await folder.train('deep/er/runs/done', fakeConfig({ training: { epochs: 1, seed: 5 } }));
  await folder.ask(['asked'], fakeConfig());
  await mkdir(join(root, 'broken'));
  await writeFile(join(root, 'broken', 'request.json'), '{');
  const source = await folderSource(root);
  const listing = await source.list();
  expect(listing.notes).toEqual([]);
  expect(listing.runs).toMatchObject([
    { id: 'asked', state: 'stopped', epoch: null, best: null },
    { id: 'broken', state: 'unreadable', reason: expect.stringContaining('is not JSON') },
    {
      id: 'deep/er/runs/done',
      name: 'done',
      folder: 'deep/er/runs',
      state: 'completed',
      epoch: 1,
      seed: 5,
      metric: 'nRMSE',
      preset: 'sigmoid',
    },
  ]);
  const again = await source.list();
  expect(again.runs.map((run, index) => run === listing.runs[index])).toEqual([true, true, true]);
  await utimes(join(root, 'asked', 'request.json'), new Date(), new Date(2026, 1, 1));
  const touched = await source.list();
  expect(touched.runs.map((run, index) => run === listing.runs[index])).toEqual([false, true, true]);
  expect(changeOf(listing, touched)).toBeUndefined();

  const release = await folder.hold('asked');
  expect(changeOf(listing, await source.list())?.runs).toMatchObject([{ id: 'asked', state: 'running' }]);
  await release();
  await folder.crash('asked');
  expect(changeOf(listing, await source.list())?.runs).toMatchObject([{ id: 'asked', state: 'crashed' }]);
  await rm(join(root, 'asked'), { recursive: true });
  expect(changeOf(listing, await source.list())).toMatchObject({ runs: [], gone: ['asked'] });
});

it('tells of comparisons whose process is alive, has died or has let go', async () => {
  const folder = pageFolder(await temporaryFolder());
  await folder.compare({ stops: true });
  const source = await folderSource(folder.root);
  const state = async () => (await source.list()).comparisons.map(({ state }) => state);
  expect(await state()).toEqual(['stopped']);
  const release = await folder.hold('fake');
  expect(await state()).toEqual(['running']);
  await release();
  await folder.crash('fake');
  expect(await state()).toEqual(['crashed']);
});

it('lists a run alone when its own folder is given, and refuses a folder that is not there', async () => {
  const root = await temporaryFolder();
  await pageFolder(root).ask(['one', 'two'], fakeConfig());
  const { runs } = await (await folderSource(join(root, 'two'))).list();
  expect(runs.map(({ id }) => id)).toEqual(['two']);
  await expect(folderSource(join(root, 'three'))).rejects.toThrow('there is no such folder');
});

it('tells who looks the whole list, then changes, and of trouble', async () => {
  const listings = [{ runs: [line()], comparisons: [], notes: [] }];
  let fails = false;
  const watched = watchListing({
    label: 'here',
    store: undefined as never,
    refreshMs: 1,
    list: async () => {
      if (fails) throw new Error('the disk is gone');
      return listings.at(-1)!;
    },
  });
  const told: { type: string }[] = [];
  let wake = () => {};
  const next = async (type: string) => {
    while (!told.some((event) => event.type === type))
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return told.find((event) => event.type === type);
  };
  const stop = watched.subscribe((event) => {
    told.push(event);
    wake();
  });
  expect(await next('listing')).toEqual({ type: 'listing', listing: listings[0] });
  listings.push({ runs: [line({ epoch: 5 })], comparisons: [], notes: [] });
  expect(await next('change')).toMatchObject({ change: { runs: [{ id: 'runs/a', epoch: 5 }], gone: [] } });
  fails = true;
  expect(await next('trouble')).toEqual({ type: 'trouble', message: 'the disk is gone' });
  told.length = 0;
  fails = false;
  expect(await next('listing')).toEqual({ type: 'listing', listing: listings[1] });
  stop();
});

it('narrows, sorts and pages rows', () => {
  const runs = [
    line({ id: 'x/runs/a', best: 0.2, seed: 10, preset: 'tempBalance' }),
    line({ id: 'x/runs/b', best: null, seed: 2, state: 'failed' }),
    line({ id: 'y/c', best: 0.1, seed: 3 }),
  ];
  const ids = (rows: RunLine[]) => rows.map(({ id }) => id);
  const none = new Set<string>();
  expect(ids(filtered(runs, { ...everything, name: 'A X' }, none))).toEqual(['x/runs/a']);
  expect(ids(filtered(runs, { ...everything, state: 'failed' }, none))).toEqual(['x/runs/b']);
  expect(ids(filtered(runs, { ...everything, seed: '3', metric: 'nRMSE', preset: 'off' }, none))).toEqual(['y/c']);
  expect(ids(filtered(runs, everything, new Set(['x'])))).toEqual(['y/c']);
  expect(ids(filtered(runs, { ...everything, compared: true }, new Set(['x'])))).toHaveLength(3);
  const best = ({ best }: RunLine) => best;
  expect(ids(sorted(runs, best, false))).toEqual(['y/c', 'x/runs/a', 'x/runs/b']);
  expect(ids(sorted(runs, best, true))).toEqual(['x/runs/a', 'y/c', 'x/runs/b']);
  expect(valuesOf(runs, ({ seed }: RunLine) => seed).map(({ value }: { value: string }) => value)).toEqual([
    '2',
    '3',
    '10',
  ]);
  expect(paged(Array.from({ length: 250 }), 7)).toMatchObject({ page: 2, pages: 3, rows: { length: 50 } });
  expect(ids(updated(runs, [line({ id: 'new' }), line({ id: 'y/c', best: 9 })], ['x/runs/a']))).toEqual([
    'x/runs/b',
    'y/c',
    'new',
  ]);
});

it('puts values on axes with round ticks, on a log scale where they span much', () => {
  expect(ticksOf(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticksOf(0.11, 0.34, 4)).toEqual([0.15, 0.2, 0.25, 0.3]);
  expect(ticksOf(0.17, 0.99, 4)).toEqual([0.2, 0.4, 0.6, 0.8]);
  const linear = axisOf([1, 3], { from: 100, to: 0, ticks: 4 });
  expect(linear.isLog).toBe(false);
  expect(linear.at(2)).toBeCloseTo(50);
  const log = axisOf([0.001, 0.1], { from: 0, to: 100, ticks: 4 });
  expect(log).toMatchObject({ isLog: true });
  expect(log.at(0.01)).toBeCloseTo(50);
  expect(log.ticks).toEqual([0.001, 0.003, 0.01, 0.03, 0.1]);
  expect(axisOf([2, 2], { from: 0, to: 100, ticks: 4 }).at(2)).toBeCloseTo(50);
  expect(axisOf([-1, 1000], { from: 0, to: 100, ticks: 4 }).isLog).toBe(false);
});
