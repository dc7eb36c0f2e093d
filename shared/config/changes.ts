import { UserError } from '../core/errors.ts';
import { applyOverrides, type Override, overrideSettings } from './parse-run-file.ts';
import type { RunConfig } from './run-file.ts';

interface Change {
  readonly key: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** What a run is about; the rest may change when it is resumed. The data may move: its content is checked elsewhere. */
const fixed = [
  /^model\b/,
  /^dataset\.(?!(path|validationPath|test\.path|test\.evaluate)$)/,
  /^training\.(seed|validation)\b/,
  /^training\.optimizer\.(name|complexMoments|exclude)$/,
  // On or off: its settings may change.
  /^training\.ema$/,
  /^convergence\.(metric|direction)$/,
  /^output\.(folder|name)$/,
];

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function changes(from: unknown, to: unknown, key = ''): Change[] {
  if (isSection(from) && isSection(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return keys.flatMap((inner) => changes(from[inner], to[inner], key ? `${key}.${inner}` : inner));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ key, from, to }];
}

const shown = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value));

/** `training.learningRate: 0.001 -> 0.0005`, a line for each setting that differs. */
export function describeChanges(from: object, to: object): string[] {
  return changes(from, to).map((change) => `${change.key}: ${shown(change.from)} -> ${shown(change.to)}`);
}

const fixedChanges = (from: object, to: object): Change[] =>
  changes(from, to).filter(({ key }) => fixed.some((pattern) => pattern.test(key)));

/** @throws UserError when a setting differs that makes it another run. */
export function refuseFixedChanges(from: RunConfig, to: RunConfig): void {
  refuse(fixedChanges(from, to));
}

function refuse(refused: readonly Change[]): void {
  if (refused.length === 0) return;
  const lines = refused.map((change) => `    ${change.key}: ${shown(change.from)} -> ${shown(change.to)}`);
  throw new UserError(`these settings can't change in the middle of a run:\n${lines.join('\n')}`, {
    remedy: 'Put them back, or start a new run with `npx tempbalance train`.',
  });
}

/** Settings that are paths: as they are given, they may look different and be the same. */
const isPath = /^(model\.(folder|base|weights)|output\.folder)$/;

/**
 * The settings that a run goes on with: those of `base` with others on top.
 * @param before those that it has on record
 * @throws UserError when they have problems; where one makes it another run, it says that, and not what else does not go with it
 */
export function settingsToGoOn(
  before: RunConfig,
  base: RunConfig,
  overrides: readonly Override[],
  options: { readonly label: string; readonly folder?: string },
): RunConfig {
  try {
    return overrideSettings(base, overrides, options);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const asked = fixedChanges(before, applyOverrides(base, overrides));
    refuse(asked.filter(({ key, from, to }) => from !== undefined && to !== undefined && !isPath.test(key)));
    throw error;
  }
}
