import { existsSync, readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

interface Import {
  readonly from: string;
  /** A file of the project, or a package's name. */
  readonly to: string;
  readonly isPackage: boolean;
}

const tops = ['shared', 'library', 'cli', 'functions', 'infra', 'bench', 'examples', 'studies', 'docs', 'test'];

/** The folders of shared/ in their order, as docs/data-path.md lists them. */
const order = [...readFileSync('docs/data-path.md', 'utf8').matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name]) => name!);

const statement = /^(?:import|export)\s[^;'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;

/** What a file imports, types and modules loaded later included. */
function importsOf(from: string): Import[] {
  const source = readFileSync(from, 'utf8').replaceAll(/^\s*(\/\*\*?[\s\S]*?\*\/|\/\/.*)$/gm, '');
  return [...source.matchAll(statement)].map(([, ...found]) => {
    const name = found.find((each) => each !== undefined)!;
    if (name.startsWith('.')) return { from, to: join(dirname(from), name), isPackage: false };
    return { from, to: /^(?:@[^/]+\/)?[^/]+/.exec(name)![0], isPackage: true };
  });
}

const files = ['index.ts'];
for await (const file of glob(`{${tops}}/**/*.ts`, {
  exclude: (path) => /(^|\/)(fixtures|assembly)(\/|$)/.test(path),
})) {
  files.push(file);
}
const imports = files.flatMap(importsOf);
const own = imports.filter(({ isPackage }) => !isPackage);
const packages = imports.filter(({ isPackage, to }) => isPackage && !isBuiltin(to));

const topOf = (path: string) => path.split('/')[0]!;
const folderOf = (path: string) => path.split('/')[1]!;
const line = ({ from, to }: Import) => `${from} imports ${to}`;

/** Imports by files below some folders that are not allowed. */
const forbidden = (from: readonly string[], isAllowed: (each: Import) => boolean, among: readonly Import[] = own) =>
  among.filter((each) => from.includes(topOf(each.from)) && !isAllowed(each)).map(line);

describe('layers', () => {
  it('a folder under shared/ has its place in docs/data-path.md, and imports only those before it', () => {
    expect(order.length).toBeGreaterThan(15);
    const place = (path: string) => order.indexOf(folderOf(path));
    expect(files.filter((file) => topOf(file) === 'shared' && place(file) < 0)).toEqual([]);
    const isBefore = ({ from, to }: Import) =>
      topOf(to) === 'shared' ? place(to) <= place(from) : to === 'package.json' || to.startsWith('docs/');
    expect(forbidden(['shared'], isBefore)).toEqual([]);
  });

  it('local and cloud, two outside worlds for the same tasks, need nothing of each other', () => {
    const worlds = ['local', 'cloud'];
    const isOwn = ({ from, to }: Import) => !worlds.includes(folderOf(to)) || folderOf(from) === folderOf(to);
    expect(
      own
        .filter(({ from }) => topOf(from) === 'shared' && worlds.includes(folderOf(from)))
        .filter((each) => !isOwn(each))
        .map(line),
    ).toEqual([]);
  });

  it('entry points are imported by themselves and by tests alone', () => {
    const others = tops.filter((top) => top !== 'test');
    expect(
      forbidden(others, ({ from, to }) => !['functions', 'cli'].includes(topOf(to)) || topOf(from) === topOf(to)),
    ).toEqual([]);
  });

  it('the library is made of shared/, for commands, functions and examples', () => {
    expect(forbidden(['library'], ({ to }) => ['shared', 'library', 'package.json'].includes(topOf(to)))).toEqual([]);
    expect(forbidden(['shared', 'infra', 'docs'], ({ to }) => !['library', 'index.ts'].includes(topOf(to)))).toEqual(
      [],
    );
  });

  it('infra/ is wiring: it takes errors and settings of the product, and only docs and tests know of it', () => {
    const isLittle = ({ to }: Import) => topOf(to) !== 'shared' || ['core', 'config'].includes(folderOf(to));
    expect(forbidden(['infra'], isLittle)).toEqual([]);
    expect(
      forbidden(
        ['shared', 'library', 'functions', 'cli', 'bench', 'examples', 'studies'],
        ({ to }) => topOf(to) !== 'infra',
      ),
    ).toEqual([]);
  });

  it('clients of AWS belong to adapters and entry points', () => {
    const isAdapter = ({ from }: Import) => /^shared\/(cloud\/|checkpoints\/s3)/.test(from);
    expect(
      forbidden(['shared', 'library'], (each) => !each.to.startsWith('@aws-sdk/') || isAdapter(each), packages),
    ).toEqual([]);
  });

  it('nothing builds on studies or tests', () => {
    const others = tops.filter((top) => top !== 'test');
    expect(
      forbidden(
        others,
        ({ from, to }) => topOf(to) !== 'test' && (topOf(to) !== 'studies' || topOf(from) === 'studies'),
      ),
    ).toEqual([]);
  });
});

it('there are no cycles', () => {
  const targets = Map.groupBy(own, ({ from }) => from);
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    state.set(file, 'open');
    for (const { to } of targets.get(file) ?? []) visit(to, [...path, file]);
    state.set(file, 'done');
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

it('every file that is imported is there', () => {
  expect(own.filter(({ to }) => !existsSync(to)).map(line)).toEqual([]);
});

it('the product uses no package that is for development alone, and every one that it uses is listed', () => {
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = packageJson;
  const ofProduct = { ...dependencies, ...optionalDependencies, ...peerDependencies };
  const product = ['index.ts', 'shared', 'library', 'cli', 'functions', 'infra'];
  const isTypes = (name: string) => `@types/${name.replace('@', '').replace('/', '__')}` in devDependencies;
  expect(forbidden(product, ({ to }) => to in ofProduct || isTypes(to), packages)).toEqual([]);
  const all = { ...ofProduct, ...devDependencies, [packageJson.name]: '' };
  expect(forbidden(tops, ({ to }) => to in all || isTypes(to), packages)).toEqual([]);
});

it('an older Node comes as far as the word on its version: nothing that it lacks is imported by name', () => {
  const later = /^import [^;]*\{[^}]*\b(?:glob|\w*[zZ]std\w*)\b[^}]*\}[^;]* from 'node:/m;
  const isLoaded = (file: string) => ['shared', 'library', 'cli', 'index.ts'].includes(topOf(file));
  expect(files.filter((file) => isLoaded(file) && later.test(readFileSync(file, 'utf8')))).toEqual([]);
});
