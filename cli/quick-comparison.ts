/** A compare file for a run file, or for the settings of a run: plain against balanced, with three rates and five seeds. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { stringify } from 'yaml';
import { diskError } from '../shared/checkpoints/disk-error.ts';
import { isCompareFile } from '../shared/config/load-comparison.ts';
import { loadRunFile } from '../shared/config/parse-run-file.ts';
import type { RunConfig } from '../shared/config/run-file.ts';
import { UserError } from '../shared/core/errors.ts';
import { runAt } from '../shared/local/run-folder.ts';
import { planWorkload } from '../shared/pipeline/open-workload.ts';
import { readRequest } from '../shared/pipeline/records.ts';
import { localPath } from './local-path.ts';

/** Share of the rows that are kept for the test where the run file names no test data. */
const testShare = 0.25;

/** Fewer rows than these tell little; so many are taken where the file has them besides those that the settings ask for. */
const leastTest = 8;

/** What the base rate is multiplied by: about half a power of ten apart. */
const factors = [0.3, 1, 3] as const;

/** What is compared: settings, what the compare file has for `run`, and where it is written. */
interface Compared {
  readonly config: RunConfig;
  readonly run: unknown;
  readonly path: string;
}

/**
 * Writes `<run file>-compare.yaml` beside the run file, or `<run>-compare.yaml` here with the settings that a run has on record, unless it
 * is there as it would be written.
 * @param given a run file, the folder of a run, or its name below `runs/`
 * @param note told what in it may not be expected
 * @returns its path
 * @throws UserError when the run file has problems or too few rows, or another compare file is in the way.
 */
export async function writeQuickComparison(given: string, note: (message: string) => void): Promise<string> {
  if (await isCompareFile(given)) {
    throw new UserError('is a compare file already', {
      where: given,
      remedy: `Do it: npx tempbalance compare ${given}`,
    });
  }
  const { config, run, path } = (await ofRun(given)) ?? (await ofRunFile(given));
  const rows = await rowsFor(config, given);
  const text = quickComparison(config, run, rows);
  const present = await readFile(path, 'utf8').catch(() => undefined);
  if (present !== undefined && present !== text) {
    throw new UserError('is there already, and is not what --quick would write', {
      where: path,
      remedy: `Go on with it by \`npx tempbalance compare ${path}\`, or remove it.`,
    });
  }
  if (present === undefined) {
    await writeFile(path, text).catch((error: unknown) => {
      throw diskError(error, path);
    });
  }
  if (rows.test > 0 && rows.test < leastTest) {
    note(
      `only ${rows.test} rows to test on, so that small effects can't be seen: more may be given by test in ${path}`,
    );
  }
  if (controlOf(config) !== undefined) {
    note(`the arm balanced is without the run file's balance.control: ${controlOf(config)}, which makes it a control`);
  }
  return path;
}

async function ofRunFile(runFile: string): Promise<Compared> {
  const stem = basename(runFile, extname(runFile));
  const path = join(dirname(runFile), `${stem}-compare.yaml`);
  return { config: await loadRunFile(runFile), run: basename(runFile), path };
}

/** The settings of a run, whole: its run file may have changed or be gone. Undefined where there is no such run. */
async function ofRun(given: string): Promise<Compared | undefined> {
  const found = await runAt(given);
  if (!found) return undefined;
  const { config } = await readRequest(found.store, found.run);
  // Name, folder and budget are the comparison's own.
  const { output: _, budget: __, ...run } = config;
  return { config, run, path: `${found.run}-compare.yaml` };
}

/** The division of the rows. */
interface Rows {
  /** Held back for the test; 0 where the run file names test data. */
  readonly test: number;
  /** The value of `dataset.samples` for it; absent: the present one. */
  readonly samples?: RunConfig['dataset']['samples'];
}

async function rowsFor(config: RunConfig, runFile: string): Promise<Rows> {
  const { dataset } = config;
  const { data } = await planWorkload(config, localPath);
  if (dataset.test) return { test: 0 };
  const { trainingSamples, validationSamples } = data as { trainingSamples: number; validationSamples: number };
  const hasOwnFile = 'validationPath' in dataset && dataset.validationPath !== undefined;
  const rows = trainingSamples + (hasOwnFile ? 0 : validationSamples);
  const share = Math.max(1, Math.round(testShare * rows));
  const isCount = typeof dataset.samples === 'number' && dataset.samples >= 1;
  if (isCount) {
    // Besides the rows that the settings ask for.
    for (let test = Math.max(share, leastTest); test >= share; test--) {
      if (await isEnough(config, { test })) return { test };
    }
  }
  const taken = { test: share, ...(isCount ? { samples: rows - share } : {}) };
  if (rows > share && (await isEnough(config, taken))) return taken;
  throw new UserError(`has too few rows to train, validate and test on: ${rows}`, {
    where: runFile,
    remedy: 'Give test data of their own: dataset: { test: { path: ... } }, or more rows.',
  });
}

/** Whether the file has as many rows besides those of the test as are asked for. */
async function isEnough(config: RunConfig, { test, samples = config.dataset.samples }: Rows): Promise<boolean> {
  const dataset = { ...config.dataset, samples, test: { random: test, evaluate: true } };
  return planWorkload({ ...config, dataset } as RunConfig, localPath).then(
    () => true,
    (error: unknown) => {
      if (error instanceof UserError) return false;
      throw error;
    },
  );
}

const controlOf = ({ balance }: RunConfig) => (balance === 'off' ? undefined : balance.control);

/** What balances the runs of the arm of this name; never as a control. */
function balancedBy(config: RunConfig): object {
  if (config.balance === 'off') return { balance: { preset: 'modelBalancing' } };
  return controlOf(config) === undefined ? {} : { 'balance.control': null };
}

/** The text of a compare file for these settings. */
function quickComparison(config: RunConfig, run: unknown, { test, samples }: Rows): string {
  const { training } = config;
  const rates = factors.map((factor) => Number((training.learningRate * factor).toPrecision(3)));
  const file = {
    run,
    ...(samples === undefined ? {} : { set: { 'dataset.samples': samples } }),
    arms: { plain: { balance: 'off' }, balanced: balancedBy(config) },
    rates,
    seeds: { tuning: [101, 102], test: [1, 2, 3, 4, 5] },
    ...(test === 0 ? {} : { test: { random: test } }),
  };
  const head = `# yaml-language-server: $schema=node_modules/tempbalance/docs/compare-file.schema.json
# Does balancing help? Plain against balanced: each tuned by three rates, then run with five other seeds on test data.
# To tell whether it is the spectra that help, add controls: byShape: { balance.control: byShape }, shuffled: { balance.control: shuffled }
`;
  return `${head}${stringify(file, { collectionStyle: 'any' })}`;
}
