import { resolve } from 'node:path';
import type { z } from 'zod';
import {
  loadRunFile,
  type Override,
  parseRunFile,
  resolvePaths,
  settingsOfFolder,
} from '../shared/config/parse-run-file.ts';
import type { RunConfig, resolvedRunFileSchema } from '../shared/config/run-file.ts';

/** The sections of a run file, as they are written: what has a default may be left out (docs/run-file.md). */
export type RunFile = z.input<typeof resolvedRunFileSchema>;

/** Settings by their dotted keys, such as `{ 'training.epochs': 3 }`. */
export type Settings = Readonly<Record<string, unknown>>;

export const overridesOf = (settings: Settings = {}): Override[] =>
  Object.entries(settings).map(([key, value]) => {
    const text = `${key}=${JSON.stringify(value)}`;
    return { path: key.split('.'), value: value ?? null, text, place: `set ${text}` };
  });

/** The settings of a run file, or of what one would say; relative paths count from the file's folder, or from the folder that the process is in. */
export const runSettings = (run: string | RunFile, overrides: readonly Override[]): Promise<RunConfig> =>
  typeof run === 'string'
    ? loadRunFile(run, overrides)
    : settingsOfFolder((more) =>
        resolvePaths(parseRunFile(JSON.stringify(run), 'the run file', [...overrides, ...more]), resolve('.')),
      );
