/** Reads a compare file and the run file that it names, and checks every arm of it. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { UserError } from '../core/errors.ts';
import { explainIssues, formatPath } from '../core/problems.ts';
import { taskOfModel } from '../models/language/model.ts';
import { type CompareFile, compareFileJsonSchema, compareFileSchema, mostRuns, tunedOf } from './compare-file.ts';
import { type ComparedArm, type ComparisonSettings, mostValues, runNameOf, validationRows } from './comparison.ts';
import { checkRunFile, type Override, resolvePaths, settingsOfFolder } from './parse-run-file.ts';
import type { RunConfig } from './run-file.ts';
import { keysAt } from './schema-walk.ts';
import { positionOf, readYaml, refuse, type YamlSource } from './yaml-source.ts';

/** Settings that every run of a comparison has from it, with where they are given instead. */
const given: readonly [RegExp, string][] = [
  [/^training\.seed$/, 'seeds'],
  [/^output(\.|$)/, 'name and folder'],
  [/^budget(\.|$)/, 'budget'],
  [/^dataset\.test(\.|$)/, 'test'],
  [/^convergence\.(metric|direction)$/, 'metric'],
];

/** Settings that name what is read: arms are checked for it and it is sent to a deployment, values that are tried are not. */
const namesInput = /^(dataset\.(path|validationPath)|model\.(weights|folder|base))$/;

/** Settings that say what is measured: the task, and which numbers of the data. Results of others are not of the same thing. */
const measured = [
  'dataset.key',
  'dataset.axes',
  'dataset.channels',
  'dataset.subsample',
  'dataset.window',
  'dataset.rolloutSteps',
  'dataset.columns',
  'dataset.labels',
  'dataset.lossOn',
  'dataset.packing',
  'model.task',
  'model.maxTargetTokens',
] as const;

/** Whether one of two settings is the other, or within it. */
const isAt = (key: string, other: string) =>
  key === other || key.startsWith(`${other}.`) || other.startsWith(`${key}.`);

/** A run file's text, where it stands, and what relative paths in it count from. */
interface RunFile {
  readonly text: string;
  readonly label: string;
  readonly folder: string;
}

/** A compare file that was read. */
export interface LoadedComparison {
  readonly settings: ComparisonSettings;
  /** The folder that the comparison's folder is put into. */
  readonly folder: string;
}

/**
 * Reads and checks a compare file. Relative paths in it count from its folder.
 * @param overrides of the compare file's `set`, as on the command line
 * @throws UserError listing every problem of the file, or of the run file, or of the arms.
 */
export async function loadComparison(path: string, overrides: readonly Override[] = []): Promise<LoadedComparison> {
  const text = await readText(
    path,
    'Give the path of yours, or have one made: npx tempbalance compare --quick <run file>.',
  );
  return comparisonOf(text, path, overrides);
}

/** Whether a file says what is to be compared, rather than what is to be run; false where it can't be read. */
export async function isCompareFile(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^arms\s*:/m.test(text);
}

/** The settings of a compare file's text. @throws UserError as `loadComparison`. */
export async function comparisonOf(
  text: string,
  path: string,
  overrides: readonly Override[] = [],
): Promise<LoadedComparison> {
  const { original, ...source } = readYaml(text, path, 'the compare file must be a mapping: run, arms, seeds, ...');
  const parsed = compareFileSchema.safeParse(original);
  if (!parsed.success) {
    if ('model' in original && !('arms' in original)) {
      throw new UserError('is a run file, not a compare file', {
        where: path,
        remedy: `Have a compare file made for it: npx tempbalance compare --quick ${path}`,
      });
    }
    const schema = compareFileJsonSchema();
    const problems = explainIssues(parsed.error.issues, original, (at) => keysAt(schema, original, at));
    const lines = problems.map(({ path: at, what, hint }) => line(source, at, what, hint));
    throw refuse(path, lines);
  }
  const file = parsed.data;
  const folder = dirname(resolve(path));
  const runFile = await runFileOf(file, path, folder);
  const problems = problemsOf(file, source, overrides);
  const arms = await armsOf(file, source, runFile, overrides, problems);
  problems.push(...otherTestRows(arms, source), ...otherMeasures(arms, file, source));
  if (problems.length > 0) refuse(path, [...new Set(problems)]);
  const tuned = tunedOf(file);
  const settings: ComparisonSettings = {
    name: file.name ?? nameFrom(path),
    source: resolve(path),
    runFile: typeof file.run === 'string' ? file.run : null,
    changes: [...described(file.set), ...overrides.map(({ path: at, value }) => change(at.join('.'), value))],
    overrides: overrides.map(({ text }) => text),
    reference: file.reference,
    arms,
    tuned: tuned ? { ...tuned, extensions: file.extensions } : null,
    seeds: { tuning: file.seeds.tuning ?? [], test: file.seeds.test },
    sizes: file.sizes?.toSorted((a, b) => a - b) ?? [null],
    epoch: file.epoch,
    smallestEffect: file.smallestEffect,
    budget: file.budget,
    parallel: file.parallel,
    threads: file.threads,
    keep: file.keep,
  };
  refuseTooMany(settings, path);
  refuseSameNames(settings, path);
  return { settings, folder: resolve(folder, file.folder) };
}

const nameFrom = (path: string) =>
  basename(path)
    .replace(/\.[^.]+$/, '')
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^-+/, '')
    .slice(0, 60) || 'comparison';

async function readText(path: string, remedy: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const what = missing ? 'there is no such file' : `can't be read (${(cause as Error).message})`;
    throw new UserError(what, { where: path, remedy, cause });
  }
}

async function runFileOf({ run }: CompareFile, path: string, folder: string): Promise<RunFile> {
  if (typeof run !== 'string') return { text: JSON.stringify(run), label: `${path} (run)`, folder };
  const at = resolve(folder, run);
  return { text: await readText(at, `Mend \`run\` in ${path}.`), label: run, folder: dirname(at) };
}

/** `compare.yaml:3:5  seeds.test: is missing` */
function line(source: YamlSource, at: readonly (string | number)[], what: string, hint = ''): string {
  const { line: row, col } = positionOf(source, { path: at });
  return `  ${source.file}:${row}:${col}  ${formatPath(at) || 'the compare file'}: ${what}${hint ? `\n      ${hint}` : ''}`;
}

/** What an arm can't change, because the whole comparison has it, and what can't be tuned. */
function problemsOf(file: CompareFile, source: YamlSource, overrides: readonly Override[]): string[] {
  const tuned = tunedOf(file);
  const ofAll = (key: string): string | undefined => {
    const elsewhere = given.find(([pattern]) => pattern.test(key))?.[1];
    if (elsewhere !== undefined) return `is given for the whole comparison by ${elsewhere}`;
    if (file.sizes && isAt(key, 'dataset.samples')) return 'holds dataset.samples, which follows from sizes';
    return undefined;
  };
  const ofKey = (key: string): string | undefined =>
    tuned && isAt(key, tuned.key) ? `holds ${tuned.key}, which is tuned for every arm` : ofAll(key);
  const ofTuned = (key: string): string | undefined => {
    if (namesInput.test(key)) return 'names a file or folder: make an arm for each';
    if (measured.some((setting) => isAt(key, setting))) {
      return 'changes what is measured: results with its values are not of the same thing';
    }
    return ofAll(key);
  };
  const changed = [
    ...Object.keys(file.set).map((key) => ['set', key] as const),
    ...Object.entries(file.arms).flatMap(([arm, changes]) =>
      Object.keys(changes).map((key) => ['arms', arm, key] as const),
    ),
  ];
  const tunedProblem = tuned && ofTuned(tuned.key);
  return [
    ...(tunedProblem === undefined ? [] : [line(source, ['tune', tuned!.key], tunedProblem)]),
    ...overrides.flatMap(({ path, text }) => {
      const key = path.join('.');
      const problem = ofKey(key);
      return problem === undefined ? [] : [`  --set ${text}  ${key}: ${problem}`];
    }),
    ...changed.flatMap((at) => {
      const problem = ofKey(at.at(-1)!);
      return problem === undefined ? [] : [line(source, at, problem)];
    }),
  ];
}

/** Changes of settings, each known by where it stands in the compare file. */
function overridesAt(
  source: YamlSource,
  at: readonly string[],
  changes: Readonly<Record<string, unknown>>,
): Override[] {
  return Object.entries(changes).map(([key, value]) => {
    const { line: row, col } = positionOf(source, { path: [...at, key] });
    const place = `${source.file}:${row}:${col}${at[0] === 'arms' ? `  arms.${at[1]}` : ''}`;
    return { path: key.split('.'), value, text: `${key}=${JSON.stringify(value)}`, place };
  });
}

/** The settings of all arms; what is wrong is added to `problems`. */
async function armsOf(
  file: CompareFile,
  source: YamlSource,
  runFile: RunFile,
  overrides: readonly Override[],
  problems: string[],
): Promise<ComparedArm[]> {
  const { metric, test } = file;
  const folder = dirname(resolve(source.file));
  const all = [
    ...overridesAt(source, ['set'], file.set),
    ...overrides,
    ...(metric === undefined
      ? []
      : overridesAt(source, [], { metric }).map((each) => ({ ...each, path: ['convergence', 'metric'] }))),
    ...(test === undefined
      ? []
      : overridesAt(source, [], { test: testFrom(test, folder) }).map((each) => ({
          ...each,
          path: ['dataset', 'test'],
        }))),
  ];
  const arms: ComparedArm[] = [];
  for (const [name, changes] of Object.entries(file.arms)) {
    const own = overridesAt(source, ['arms', name], changes);
    const config = await settingsWith(runFile, [...all, ...own], problems);
    if (!config) continue;
    problems.push(...unfitFor(file, source, config));
    await checkTries(file, source, runFile, [...all, ...own], problems);
    arms.push({ name, changes: described(changes), config });
  }
  return arms;
}

/** `balance.control: byShape` */
const change = (key: string, value: unknown) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
const described = (changes: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(changes).map(([key, value]) => change(key, value));

/** The test data, with a path that counts from the compare file's folder. */
const testFrom = (test: NonNullable<CompareFile['test']>, folder: string) =>
  typeof test.path === 'string' && !test.path.startsWith('s3://')
    ? { ...test, path: resolve(folder, test.path) }
    : test;

/** The reasons why an arm's settings don't fit into a comparison. */
function unfitFor(file: CompareFile, source: YamlSource, config: RunConfig): string[] {
  return [
    ...(config.dataset.test
      ? []
      : [
          line(
            source,
            ['test'],
            'is missing: settings are compared on data that none of them was chosen by',
            'For example test: { last: 64 }, or test: { path: test.csv }; or dataset.test in the run file.',
          ),
        ]),
    ...(file.sizes && validationRows(config) === undefined
      ? [
          line(
            source,
            ['sizes'],
            `are rows to train on, and training.validation is a share (${config.training.validation}) of all rows`,
            'Set training.validation to a number of rows, for example set: { training.validation: 16 }.',
          ),
        ]
      : []),
  ];
}

/** Arms with data of their own where the test data are rows of the data: they would be tested on others. */
function otherTestRows(arms: readonly ComparedArm[], source: YamlSource): string[] {
  const pathOf = ({ config: { dataset } }: ComparedArm) =>
    dataset.test?.path === undefined ? dataset.path : undefined;
  return arms
    .filter((arm) => pathOf(arm) !== pathOf(arms[0]!))
    .map(({ name }) =>
      line(
        source,
        ['arms', name],
        'has data of its own, so that its test rows are not those of the others',
        'Give the test data as a file: test: { path: ... }.',
      ),
    );
}

/** Arms that are measured by something else than the reference is. */
function otherMeasures(arms: readonly ComparedArm[], file: CompareFile, source: YamlSource): string[] {
  const reference = arms.find(({ name }) => name === file.reference);
  if (!reference) return [];
  return arms.flatMap(({ name, config }) =>
    measured
      .filter((key) => measuredBy(config, key) !== measuredBy(reference.config, key))
      .map((key) => {
        const own = Object.keys(file.arms[name]!).find((changed) => isAt(changed, key));
        return line(
          source,
          ['arms', name, ...(own === undefined ? [] : [own])],
          `has another ${key} than ${reference.name}, so that its results are not of the same thing`,
          'Change it for all arms, by `set`, or compare in two comparisons.',
        );
      }),
  );
}

/** What is measured by a setting, as text: labels are labels, however they were learnt. */
const measuredBy = (config: RunConfig, key: string): string | undefined =>
  key === 'model.task' && config.model.family === 'huggingface'
    ? taskOfModel(config.model.task)
    : settingOf(config, key);

/** A setting's value as text. */
const settingOf = (config: RunConfig, key: string): string | undefined =>
  JSON.stringify(
    key.split('.').reduce<unknown>((section, part) => (section as Record<string, unknown> | undefined)?.[part], config),
  );

/** Every value of the tuned setting, with an arm's settings. */
async function checkTries(
  file: CompareFile,
  source: YamlSource,
  runFile: RunFile,
  overrides: readonly Override[],
  problems: string[],
): Promise<void> {
  const tuned = tunedOf(file);
  if (!tuned) return;
  const at = file.rates ? ['rates'] : ['tune', tuned.key];
  const { line: row, col } = positionOf(source, { path: at });
  for (const value of tuned.values) {
    const tried = {
      path: tuned.key.split('.'),
      value,
      text: `${tuned.key}=${JSON.stringify(value)}`,
      place: `${source.file}:${row}:${col}`,
    };
    await settingsWith(runFile, [...overrides, tried], problems);
  }
}

/** The settings of the run file with changes; undefined where they have problems, which are added to the list. */
async function settingsWith(
  { text, label, folder }: RunFile,
  overrides: readonly Override[],
  problems: string[],
): Promise<RunConfig | undefined> {
  const failed = new Error('has problems');
  try {
    return await settingsOfFolder((more) => {
      const checked = checkRunFile(text, label, [...overrides, ...more]);
      if ('config' in checked) return resolvePaths(checked.config, folder);
      problems.push(...checked.problems);
      throw failed;
    });
  } catch (error) {
    if (error === failed) return undefined;
    if (!(error instanceof UserError)) throw error;
    problems.push(`  ${error.message}`);
    return undefined;
  }
}

/** @throws UserError when two runs would have one folder: what a name can't have stands as _ in it. */
function refuseSameNames({ arms, sizes, tuned }: ComparisonSettings, path: string): void {
  const values = tuned?.values ?? [null];
  const names = arms.flatMap(({ name: arm }) =>
    sizes.flatMap((size) => values.map((tried) => runNameOf({ purpose: 'test', arm, size, tried, seed: 0 }))),
  );
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice === undefined) return;
  throw new UserError(`has two runs of one name: ${twice.replace(/-0$/, '')}`, {
    where: path,
    remedy: 'Rename an arm, or leave out a value that differs from another only in characters that no name can have.',
  });
}

/** @throws UserError when the comparison has more runs than its workflow can name. */
function refuseTooMany({ arms, sizes, tuned, seeds }: ComparisonSettings, path: string): void {
  const each = arms.length * sizes.length;
  const tuning = tuned ? each * seeds.tuning.length * mostValues(tuned) : 0;
  const largest = Math.max(tuning, each * seeds.test.length);
  if (largest <= mostRuns) return;
  throw new UserError(`would have a round of ${largest} runs; ${mostRuns} is the most that is done`, {
    where: path,
    remedy: 'Take fewer arms, sizes, values or seeds, or make several comparisons of it.',
  });
}
