/** What of a run's report may be published: names of files and folders, and not where they lie on a machine. */
import { basename } from 'node:path';
import { type DataPath, mapPath } from '../datasets/data-path.ts';
import type { RunReport } from './report-input.ts';

/** The last part of a path or of an address in S3, without the version of the object. */
const nameOf = (path: string): string => basename(path.replace(/\?versionId=[^?/&]+$/, ''));

/** Settings that are paths, by section. */
const paths: Readonly<Record<string, readonly string[]>> = {
  model: ['folder', 'weights', 'base'],
  dataset: ['path', 'validationPath', 'test.path'],
  output: ['folder'],
};

function withNames(section: unknown, keys: readonly string[], within = ''): unknown {
  if (typeof section !== 'object' || section === null || Array.isArray(section)) return section;
  return Object.fromEntries(
    Object.entries(section).map(([key, value]) => {
      const isPath = keys.includes(within + key) && (typeof value === 'string' || Array.isArray(value));
      return [key, isPath ? mapPath(value as DataPath, nameOf) : withNames(value, keys, `${within}${key}.`)];
    }),
  );
}

/** The report of a run with the names of files and folders in place of their paths. */
export function withoutPlaces(run: RunReport): RunReport {
  const { config, dataset, adapter } = run;
  return {
    ...run,
    place: undefined,
    config: Object.fromEntries(
      Object.entries(config).map(([name, section]) => [name, withNames(section, paths[name] ?? [])]),
    ),
    dataset: { ...dataset, path: mapPath(dataset.path, nameOf) },
    adapter: adapter && { ...adapter, base: { ...adapter.base, path: nameOf(adapter.base.path) } },
  };
}
