/** What a plugin consists of: its module, the modules that this one imports, and the packages that they use. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';

/** The content of a plugin, by which a run knows it again. */
export interface PluginContent {
  /** The digest of the file that the run file names. */
  readonly sha256: string;
  /** The modules that it imports by relative paths, and those that these import; absent: none, or it was recorded by an earlier version. */
  readonly modules?: readonly ImportedModule[] | undefined;
  /** The packages that all of them import, e.g. `ml-matrix@6.12.1`; absent likewise. */
  readonly packages?: readonly string[] | undefined;
}

/** A module of a plugin besides its first. */
export interface ImportedModule {
  /** Counts from the folder of the plugin's module. */
  readonly path: string;
  readonly sha256: string;
}

/** `from '...'`, `import '...'`, `import('...')` and `require('...')`; what imports types alone is gone when a module runs. */
const imports =
  /\b(?:import|export)\b(?!\s+type\b)[^'"`;]*?\bfrom\s*(['"])(.+?)\1|\b(?:import|require)\s*\(?\s*(['"])(.+?)\3/g;

/** Files that can import others. */
const isModule = (path: string) => /\.[cm]?[jt]s$/.test(path);

/** What this package is at any time is on record by its own version. */
const ownName = 'tempbalance';

/**
 * The content of a plugin as it is in its files now.
 * @throws UserError when a file can't be read.
 */
export function contentOf(path: string): PluginContent {
  // Imports are resolved to real paths.
  const plugin = existsSync(path) ? realpathSync(path) : path;
  const modules = new Map<string, string>();
  const packages = new Set<string>();
  const visit = (module: string): void => {
    if (modules.has(module)) return;
    const bytes = bytesOf(module, plugin);
    modules.set(module, createHash('sha256').update(bytes).digest('hex'));
    if (!isModule(module)) return;
    for (const name of namesIn(bytes.toString('utf8'))) {
      if (/^[./#]/.test(name)) {
        const imported = moduleAt(name, module);
        if (imported !== undefined) visit(imported);
      } else if (!isBuiltin(name)) {
        const found = packageOf(name, module);
        if (found !== undefined) packages.add(found);
      }
    }
  };
  visit(plugin);
  const [[, sha256], ...others] = [...modules] as [[string, string], ...[string, string][]];
  const imported = others.map(([module, digest]) => ({ path: pathFrom(plugin, module), sha256: digest }));
  return {
    sha256,
    ...(imported.length > 0 ? { modules: imported.toSorted((a, b) => (a.path < b.path ? -1 : 1)) } : {}),
    ...(packages.size > 0 ? { packages: [...packages].toSorted() } : {}),
  };
}

/** The first difference between a plugin as it was recorded and as it is, as the end of a sentence about it; undefined: there is none. */
export function changeOf(recorded: PluginContent, now: PluginContent): string | undefined {
  if (now.sha256 !== recorded.sha256) return 'has changed since the run began';
  for (const { path, sha256 } of recorded.modules ?? []) {
    const found = now.modules?.find((module) => module.path === path);
    if (!found) return `imports ${path} no more, which it did when the run began`;
    if (found.sha256 !== sha256) return `imports ${path}, which has changed since the run began`;
  }
  const isNew = ({ path }: ImportedModule) => !recorded.modules?.some((module) => module.path === path);
  const added = recorded.modules && now.modules?.find(isNew);
  if (added) return `imports ${added.path}, which it did not when the run began`;
  const gone = recorded.packages?.find((name) => !now.packages?.includes(name));
  return gone === undefined ? undefined : `imports ${gone}, and another version is installed now, or none`;
}

const namesIn = (source: string): string[] => [...source.matchAll(imports)].map((found) => (found[2] ?? found[4])!);

/** The file of a module that is imported by a path; undefined: there is none, as where a comment names it. */
function moduleAt(name: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}

/** Name and version of an installed package; undefined: it is not installed, or this package. */
function packageOf(imported: string, from: string): string | undefined {
  const [name] = /^(?:@[^/]+\/)?[^/]+/.exec(imported)!;
  if (name === ownName) return undefined;
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    const file = join(folder, name, 'package.json');
    if (existsSync(file)) return `${name}@${versionIn(readFileSync(file, 'utf8'))}`;
  }
  return undefined;
}

function versionIn(packageJson: string): string {
  try {
    const { version } = JSON.parse(packageJson) as { readonly version?: unknown };
    return typeof version === 'string' ? version : 'unknown';
  } catch {
    return 'unknown';
  }
}

const pathFrom = (plugin: string, path: string): string => {
  const found = relative(dirname(plugin), path).split(sep).join('/');
  return found.startsWith('.') ? found : `./${found}`;
};

function bytesOf(path: string, plugin: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const what = isMissing ? 'is not there' : `can't be read (${messageOf(cause)})`;
    throw new UserError(path === plugin ? what : `imports ${pathFrom(plugin, path)}, which ${what}`, {
      where: `plugin ${plugin}`,
      remedy: 'What a run was begun with has to be where it was.',
      cause,
    });
  }
}
