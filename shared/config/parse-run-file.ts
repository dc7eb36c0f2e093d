import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { UserError } from '../core/errors.ts';
import { explainIssues, formatPath, type Problem } from '../core/problems.ts';
import { mapPath } from '../datasets/data-path.ts';
import { otherFilesOf, withDataPaths } from '../datasets/registry.ts';
import { isAdapter } from '../models/hugging-face/adapter-config.ts';
import { withModelPaths } from '../models/registry.ts';
import { loadPlugins, refusePlugins } from './plugins.ts';
import { fillPreset, type RunConfig, runFileJsonSchema, runFileSchema, shorthands } from './run-file.ts';
import { isDiscriminator, keysAt } from './schema-walk.ts';
import { positionOf, readYaml, refuse, type YamlSource } from './yaml-source.ts';

/** `--set a.b=c`; a value of null (`--set a.b=`) takes the setting away, so that its default applies. */
export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  /** The override as it was written. */
  readonly text: string;
  /** The place where it was written, for messages; absent: the command line. */
  readonly place?: string | undefined;
}

const placeOf = ({ text, place = `--set ${text}` }: Pick<Override, 'text' | 'place'>) => place;

/**
 * @throws UserError when `text` is not `key.path=value`.
 */
export function parseOverride(text: string): Override {
  const at = text.indexOf('=');
  const path = text.slice(0, at).split('.');
  if (at < 1 || !path.every((key) => /^[A-Za-z][A-Za-z0-9]*$/.test(key))) {
    throw new UserError('is not of the form key.path=value', {
      where: `--set ${text}`,
      remedy: 'For example: --set training.epochs=10',
    });
  }
  return { path, value: parseDocument(text.slice(at + 1)).toJS() ?? null, text };
}

const startsWith = (path: readonly unknown[], prefix: readonly unknown[]) =>
  prefix.every((part, index) => path[index] === part);

/** The problems as lines, in the order of the file, those of overrides last. */
function formatProblems(problems: readonly Problem[], source: YamlSource, overrides: readonly Override[]): string[] {
  const located = problems.map((problem) => {
    const override = overrides.findLast(({ path }) => startsWith(problem.path, path) || startsWith(path, problem.path));
    return { problem, override, ...positionOf(source, problem) };
  });
  const order = ({ override, line, col }: (typeof located)[number]) =>
    override ? Number.POSITIVE_INFINITY : line * 1e4 + col;
  return located
    .toSorted((a, b) => order(a) - order(b) || 0)
    .map(({ problem, override, line, col }) => {
      const where = override ? placeOf(override) : `${source.file}:${line}:${col}`;
      const hint = problem.hint ? `\n      ${problem.hint}` : '';
      return `  ${where}  ${formatPath(problem.path) || 'the run file'}: ${problem.what}${hint}`;
    });
}

/**
 * Checks a run file's text and fills in the defaults.
 * @param file for messages.
 * @throws UserError listing every problem with file, line, key, and what is allowed.
 */
export function parseRunFile(text: string, file: string, overrides: readonly Override[] = []): RunConfig {
  const checked = checkRunFile(text, file, overrides);
  return 'config' in checked ? checked.config : refuse(file, checked.problems);
}

/**
 * Checks a run file's text as `parseRunFile` does.
 * @returns the settings, or every problem in a line.
 */
export function checkRunFile(
  text: string,
  file: string,
  overrides: readonly Override[],
): { readonly config: RunConfig } | { readonly problems: readonly string[] } {
  const { original, ...source } = readYaml(
    text,
    file,
    'the run file must be a mapping of sections: model, dataset, training, ...',
  );
  const given = applyOverrides(original, overrides);
  const input = given.plugins === undefined ? given : { ...given, plugins: pluginsIn(given.plugins, file) };
  const parsed = runFileSchema.safeParse(input);
  if (parsed.success) return { config: parsed.data };
  const schema = runFileJsonSchema();
  const filled = fillPreset(input);
  const problems = explainIssues(parsed.error.issues, filled, (path) => keysAt(schema, filled, path));
  return { problems: formatProblems(problems, source, overrides) };
}

function pluginsIn(plugins: unknown, file: string): unknown {
  if (file.startsWith('s3://') && Array.isArray(plugins)) refusePlugins(plugins, file);
  return loadPlugins(plugins, dirname(resolve(file)));
}

/** Settings with others on top, as they were given. @throws UserError when one is of a section that is switched off. */
export function applyOverrides(
  original: Record<string, unknown>,
  overrides: readonly Override[],
): Record<string, unknown> {
  const input = structuredClone(original);
  for (const override of overrides) {
    const { path, value } = override;
    let section = input;
    for (const [index, key] of path.slice(0, -1).entries()) {
      const before = Object.hasOwn(section, key) ? section[key] : undefined;
      if (before === 'off') throw switchedOff(key, path.slice(index + 1), override);
      const inner = asSection(key, before);
      setOwn(section, key, inner);
      section = inner;
    }
    if (value === null) delete section[path.at(-1)!];
    else setOwn(section, path.at(-1)!, value);
  }
  return input;
}

/** Sets a key of a section, whatever it is called: `__proto__` is then an unknown key as any other. */
function setOwn(section: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(section, key, { value, enumerable: true, configurable: true, writable: true });
}

/** A setting of a section that is switched off is refused: it would turn the whole section on. */
function switchedOff(key: string, setting: readonly string[], { text, place }: Override): UserError {
  const given = text.slice(text.indexOf('=') + 1);
  const section = setting.reduceRight((inner, name) => `{${name}: ${inner}}`, given);
  return new UserError(`${key} is off, so ${key}.${setting.join('.')} has nothing to act on`, {
    where: placeOf({ text, place }),
    remedy: `To turn it on, set the section as a whole: --set '${key}=${section}'.`,
  });
}

/** What further settings are put into: the section, what a word stands for, or a new one. */
export function asSection(key: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const setting = Object.hasOwn(shorthands, key) ? shorthands[key] : undefined;
  return typeof value === 'string' && setting !== undefined ? { [setting]: value } : {};
}

/** Makes the paths in it absolute: relative ones count from the run file's folder. Addresses in S3 are kept. */
export function resolvePaths(config: RunConfig, folder: string): RunConfig {
  const { validation, test } = otherFilesOf(config.dataset);
  const absolute = (path: string) => (path.startsWith('s3://') ? path : resolve(folder, path));
  return {
    ...config,
    model: withModelPaths(config.model, absolute),
    dataset: withDataPaths(config.dataset, mapPath(config.dataset.path, absolute), {
      validation: validation && absolute(validation),
      test: test && absolute(test),
    }),
    output: { ...config.output, folder: resolve(folder, config.output.folder) },
  };
}

/** Whether a setting takes the place of all that its section has on record: a preset, and what says one thing together. */
const replacesSection = (path: readonly string[]): boolean =>
  /^balance\.(preset|every\.\w+|until\.\w+)$/.test(path.join('.'));

/**
 * Settings with overrides: of a section that another variant is chosen for, the defaults of the old variant go.
 * @param label for messages.
 * @param folder that relative paths count from; absent: paths are kept as they are.
 * @throws UserError listing every problem.
 */
export function overrideSettings(
  settings: RunConfig,
  overrides: readonly Override[],
  { label, folder }: { label: string; folder?: string },
): RunConfig {
  const schema = runFileJsonSchema();
  const sections = overrides
    .filter(({ path }) => isDiscriminator(schema, settings, path) || replacesSection(path))
    .map(({ path }) => ({ path: path.slice(0, -1), value: {}, text: '' }));
  const base = applyOverrides(settings, sections);
  const changed = parseRunFile(JSON.stringify(base), label, overrides);
  return folder === undefined ? changed : resolvePaths(changed, folder);
}

/**
 * Settings with the defaults of an adapter where the model's folder holds one, which the settings alone don't tell.
 * @param parse gives the settings, with more set on top.
 */
export async function settingsOfFolder(parse: (more: readonly Override[]) => RunConfig): Promise<RunConfig> {
  const config = parse([]);
  const { model } = config;
  if (model.family !== 'huggingface' || model.fresh || model.lora || model.folder.startsWith('s3://')) return config;
  if (!(await isAdapter(model.folder))) return config;
  const { training } = parse([{ path: ['model', 'lora'], value: {}, text: 'model.lora={}' }]);
  return { ...config, training };
}

/**
 * Reads and checks a run file; its relative paths become absolute.
 * @throws UserError when the file can't be read or has problems.
 */
export async function loadRunFile(path: string, overrides: readonly Override[] = []): Promise<RunConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(missing ? 'there is no such run file' : `can't be read (${(cause as Error).message})`, {
      where: path,
      remedy: 'Write one with `npx tempbalance init`, or give the path of yours.',
      cause,
    });
  }
  return settingsOfFolder((more) =>
    resolvePaths(parseRunFile(text, path, [...overrides, ...more]), dirname(resolve(path))),
  );
}
