/** Plugins: modules of the user's own that add members to registries, before settings that name these are checked. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { messageOf, UserError } from '../core/errors.ts';
import type { OwnSettings } from '../core/families.ts';
import { withFileBytes } from '../datasets/arrays/file-bytes.ts';
import { fileOfArrays } from '../datasets/arrays/file-of-arrays.ts';
import { linearArray } from '../datasets/arrays/linear.ts';
import type { FieldFormat } from '../datasets/dataset.ts';
import { fieldSettings } from '../datasets/field-settings.ts';
import { addFieldFormat, addTextFormat } from '../datasets/registry.ts';
import { brokenUtf8, byteLines } from '../datasets/text/byte-lines.ts';
import { columnSettings, plainSettings } from '../datasets/text/settings.ts';
import type { TextFormat } from '../datasets/text/text-format.ts';
import { linearNamed } from '../models/blocks/linear.ts';
import { inputsOf, type ModelFamily, modelSettings } from '../models/model.ts';
import { addModelFamily } from '../models/registry.ts';
import type { AssignmentFunction } from '../schedules/assignments/assignment.ts';
import { addAssignmentFunction } from '../schedules/assignments/registry.ts';
import { elementCount, zeros } from '../tensors/tensor.ts';
import type { LearningRateCurveFamily } from '../training/learning-rate-curves/curve.ts';
import { addLearningRateCurve } from '../training/learning-rate-curves/registry.ts';
import type { OptimizerFamily } from '../training/optimizer.ts';
import { addOptimizer } from '../training/optimizers/registry.ts';
import { changeOf, contentOf, type PluginContent } from './plugin-content.ts';

/** What a plugin adds, each by the interface of the members that are there; a name may be there once. */
export interface Plugin {
  /** For `model.family`. */
  readonly models?: readonly ModelFamily<OwnSettings>[];
  /** For `dataset.format`: of fields. */
  readonly fieldFormats?: readonly FieldFormat<OwnSettings>[];
  /** For `dataset.format`: of texts. */
  readonly textFormats?: readonly TextFormat<OwnSettings>[];
  /** For `balance.assignment.function`: how values of layers become factors on the rate. */
  readonly assignments?: readonly AssignmentFunction<OwnSettings>[];
  /** For `training.schedule.name`: how the base rate changes over a run. */
  readonly schedules?: readonly LearningRateCurveFamily<OwnSettings>[];
  /** For `training.optimizer.name`. */
  readonly optimizers?: readonly OptimizerFamily<OwnSettings>[];
}

const kit = {
  z,
  UserError,
  zeros,
  elementCount,
  modelSettings,
  inputsOf,
  dense: linearNamed,
  fieldSettings,
  withFileBytes,
  linearArray,
  fileOfArrays,
  columnSettings,
  plainSettings,
  byteLines,
  brokenUtf8,
};

/** What a plugin is made with, so that it imports nothing of this package but types. */
export type PluginKit = Readonly<typeof kit>;

/** What a module of a plugin has as its default export. */
export type PluginModule = (kit: PluginKit) => Plugin;

/** A plugin that is loaded: the module's file, and what it consists of. */
export interface LoadedPlugin extends PluginContent {
  readonly path: string;
}

export const pluginsSchema = z
  .array(
    z.union([
      z.string().min(1),
      z.strictObject({
        path: z.string().describe('File of the module.'),
        sha256: z.string().describe("SHA-256 of the module's content when the run began."),
        modules: z
          .array(
            z.strictObject({
              path: z.string().describe('Relative to the folder of the file.'),
              sha256: z.string().describe('SHA-256 of its content.'),
            }),
          )
          .optional()
          .describe('Modules that it imports by relative paths, and those that these import.'),
        packages: z.array(z.string()).optional().describe('Packages that all of them import, with their versions.'),
      }),
    ]),
  )
  .optional()
  .describe(
    'Modules that add model families, data set formats, schedules and optimizers (docs/plugins.md): packages, or paths that start at the folder of the run file. They run with your rights. Deployed runs refuse them.',
  );

/** The modules that are loaded in this process, by path. */
const loaded = new Map<string, LoadedPlugin>();

function pathOf(given: string, folder: string): string {
  const path = resolve(folder, given);
  if (/^[./\\]|^[A-Za-z]:/.test(given) || existsSync(path)) return path;
  try {
    return createRequire(join(resolve(folder), 'package.json')).resolve(given);
  } catch (cause) {
    throw new UserError('there is no such file, nor a package of this name', {
      where: `plugins: ${given}`,
      remedy: `Paths count from ${resolve(folder)}; a package is installed there by npm install.`,
      cause,
    });
  }
}

function register({ models, fieldFormats, textFormats, assignments, schedules, optimizers }: Plugin): void {
  for (const each of models ?? []) addModelFamily(each);
  for (const each of fieldFormats ?? []) addFieldFormat(each);
  for (const each of textFormats ?? []) addTextFormat(each);
  for (const each of assignments ?? []) addAssignmentFunction(each);
  for (const each of schedules ?? []) addLearningRateCurve(each);
  for (const each of optimizers ?? []) addOptimizer(each);
}

function load(path: string): LoadedPlugin {
  const content = contentOf(path);
  const known = loaded.get(path);
  if (known) return known;
  const plugin = { path, ...content };
  const isSame = [...loaded.values()].some(({ path: _, ...other }) => isDeepStrictEqual(other, content));
  loaded.set(path, plugin);
  if (isSame) return plugin;
  try {
    register(made(path));
    return plugin;
  } catch (error) {
    loaded.delete(path);
    throw error;
  }
}

function made(path: string): Plugin {
  let make: unknown;
  try {
    const required = createRequire(path)(path) as { default?: unknown };
    make = typeof required === 'function' ? required : required.default;
  } catch (cause) {
    throw new UserError(`can't be loaded: ${messageOf(cause)}`, {
      where: `plugin ${path}`,
      remedy: 'Try it by itself: node, and the path.',
      cause,
    });
  }
  if (typeof make !== 'function') {
    throw new UserError('has no function as its default export', {
      where: `plugin ${path}`,
      remedy: 'Write export default (kit) => ({ optimizers: [...] }); docs/plugins.md has examples.',
    });
  }
  return (make as PluginModule)(kit);
}

/**
 * Loads what a run file, or the record of a run, names under `plugins`; each module once in a process.
 * @param plugins as they are written; what is malformed is left to the schema.
 * @param folder that relative paths count from.
 * @returns them as they are recorded.
 * @throws UserError when one is missing or can't be loaded, or is not as it was recorded.
 */
export function loadPlugins(plugins: unknown, folder: string): unknown {
  if (!Array.isArray(plugins) || !pluginsSchema.safeParse(plugins).success) return plugins;
  return plugins.map((plugin: string | LoadedPlugin) => {
    if (typeof plugin === 'string') return load(pathOf(plugin, folder));
    const now = load(plugin.path);
    const change = changeOf(plugin, now) ?? changeOf(plugin, contentOf(plugin.path));
    if (change !== undefined) {
      throw new UserError(change, {
        where: `plugin ${plugin.path}`,
        remedy: 'Put it back as it was, so that the run goes on to the same bits, or begin a new run.',
      });
    }
    return now;
  });
}

/** @throws UserError for settings of a deployed run that name plugins: its functions and jobs have none. */
export function refusePlugins(plugins: readonly unknown[] | undefined, where: string): void {
  if (plugins === undefined || plugins.length === 0) return;
  throw new UserError('plugins: deployed runs take none', {
    where,
    remedy:
      'Train it on this machine with `npx tempbalance train`, or add what the plugin does to the package that is deployed.',
  });
}
