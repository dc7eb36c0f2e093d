import { UserError } from '../core/errors.ts';
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

/** @throws UserError when a setting differs that makes it another run. */
export function refuseFixedChanges(from: RunConfig, to: RunConfig): void {
  const refused = changes(from, to).filter(({ key }) => fixed.some((pattern) => pattern.test(key)));
  if (refused.length === 0) return;
  const lines = refused.map((change) => `    ${change.key}: ${shown(change.from)} -> ${shown(change.to)}`);
  throw new UserError(`these settings can't change in the middle of a run:\n${lines.join('\n')}`, {
    remedy: 'Put them back, or start a new run with `npx tempbalance train`.',
  });
}
