/** The runs and comparisons in a folder, and in the folders below it. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileStore } from '../checkpoints/file-store.ts';
import { UserError } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import { type Unfinished, unfinishedState } from '../local/run-folder.ts';
import { comparisonLine, runLine } from './lines.ts';
import type { ComparisonLine, LineState, Listing, RunLine, RunSource } from './listing.ts';

/** Deeper folders are not looked into: runs lie a few levels below where one works. */
const deepest = 8;

/** As many folders are looked into: a home folder has hundreds of thousands. */
const mostFolders = 5000;

const readAtATime = 16;

/** Files that tell whether anything about a run or a comparison has changed. */
const told = [
  'request.json',
  'run.json',
  'head.json',
  'best.json',
  'outcome.json',
  'lock.json',
  'compare.json',
  'plans.json',
  'results',
];

/** The same of one that has ended: whoever goes on with it makes a file in its folder. */
const toldOfEnded = ['.', 'outcome.json'];

/** States in which something may be written that makes no file in the folder. */
const openStates: readonly LineState[] = ['running', 'stopped', 'crashed', 'unreadable'];

interface Found {
  readonly runs: string[];
  readonly comparisons: string[];
  readonly notes: string[];
}

/** Key prefixes of what is below a folder of the root. */
async function search(root: string, from: readonly string[]): Promise<Found> {
  const found: Found = { runs: [], comparisons: [], notes: [] };
  let looked = 0;
  let level = [...from];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest || looked > mostFolders) {
      const limit = depth > deepest ? `more than ${deepest} levels deep` : `after the first ${mostFolders}`;
      found.notes.push(`Folders ${limit} were not looked into: name one nearer to the runs.`);
      break;
    }
    looked += level.length;
    const below = await mapInFlight(level, { count: readAtATime }, (id) => look(root, id, found));
    level = below.flat();
  }
  found.runs.sort();
  found.comparisons.sort();
  return found;
}

/** Notes what a folder is, and gives the folders in it that are to be looked into. */
async function look(root: string, id: string, found: Found): Promise<string[]> {
  const entries = await readdir(join(root, id), { withFileTypes: true }).catch(() => []);
  const has = (name: string) => entries.some((entry) => entry.name === name && entry.isFile());
  const inside = (name: string) => (id === '' ? name : `${id}/${name}`);
  if (id !== '' && has('request.json')) {
    found.runs.push(id);
    return [];
  }
  if (id !== '' && has('compare.json')) {
    found.comparisons.push(id);
    return [inside('runs')];
  }
  const isPlain = (name: string) => !name.startsWith('.') && name !== 'node_modules' && !/[\\\0]/.test(name);
  return entries.filter((entry) => entry.isDirectory() && isPlain(entry.name)).map(({ name }) => inside(name));
}

/** Changes whenever a run or a comparison does, as far as a line tells of it. */
async function fingerprint(folder: string, files: readonly string[]): Promise<string> {
  const at = async (name: string) => {
    const found = await stat(join(folder, name)).catch(() => undefined);
    return found ? `${found.mtimeMs}:${found.size}` : '-';
  };
  return (await Promise.all(files.map(at))).join(' ');
}

interface Known<Line> {
  /** Files that are looked at, and how they were. */
  readonly files: readonly string[];
  readonly print: string;
  readonly line: Line;
}

/**
 * A folder of this machine as a source. A run's own folder shows that run alone.
 * @param options.refreshMs milliseconds between two looks
 * @throws UserError when there is no such folder.
 */
export async function folderSource(given: string, { refreshMs = 1000 } = {}): Promise<RunSource> {
  const folder = resolve(given);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new UserError('there is no such folder', {
      where: given,
      remedy: 'Give the folder of your runs: `output.folder` of their run files, by default runs.',
    });
  }
  const isIn = async (name: string) =>
    stat(join(folder, name)).then(
      (found) => found.isFile(),
      () => false,
    );
  const isOne = (await isIn('request.json')) || (await isIn('compare.json'));
  const [root, from] = isOne ? [dirname(folder), [basename(folder)]] : [folder, ['']];
  const store = fileStore(root);
  const runs = new Map<string, Known<RunLine>>();
  const comparisons = new Map<string, Known<ComparisonLine>>();

  /** A line, read anew only where something has changed. */
  const lines = <Line extends RunLine | ComparisonLine>(
    ids: readonly string[],
    known: Map<string, Known<Line>>,
    read: (id: string, now: Unfinished) => Promise<Line>,
  ): Promise<Line[]> =>
    mapInFlight(ids, { count: readAtATime }, async (id) => {
      const now = await unfinishedState({ root, run: id });
      const printOf = async (files: readonly string[]) => `${now} ${await fingerprint(join(root, id), files)}`;
      const before = known.get(id);
      if (before && before.print === (await printOf(before.files))) return before.line;
      const [open, ended] = await Promise.all([printOf(told), printOf(toldOfEnded)]);
      const line = await read(id, now);
      const isOpen = openStates.includes(line.state);
      known.set(id, isOpen ? { files: told, print: open, line } : { files: toldOfEnded, print: ended, line });
      return line;
    });

  return {
    label: given === '.' ? folder : given,
    store,
    refreshMs,
    async list(): Promise<Listing> {
      const found = await search(root, from);
      return {
        runs: await lines(found.runs, runs, (id, now) => runLine(store, id, now)),
        comparisons: await lines(found.comparisons, comparisons, (id, now) => comparisonLine(store, id, now)),
        notes: found.notes,
      };
    },
  };
}
