import { execFile } from 'node:child_process';
import { access, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';
import { isPacked, packedDescription } from '../../.ci/bundled.ts';
import { copySources } from '../../.ci/copy-sources.ts';
import packageJson from '../../package.json' with { type: 'json' };

const run = promisify(execFile);

interface Lockfile {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly devOptional?: boolean; readonly inBundle?: boolean }>
  >;
}

/** The files of a bundled package that the tarball has; large ones as links, to save time. */
async function unpack(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    const path = relative(from, file);
    const name = relative('node_modules', file).replaceAll('\\', '/');
    if (!entry.isFile() || path.startsWith('node_modules') || !isPacked(name)) continue;
    await mkdir(dirname(join(to, path)), { recursive: true });
    if (name === 'onnxruntime-node/package.json') {
      await writeFile(join(to, path), packedDescription(await readFile(file, 'utf8')));
    } else if ((await stat(file)).size > 1e6) await symlink(resolve(file), join(to, path));
    else await cp(file, join(to, path));
  }
}

/** A folder that the package is installed in as from its tarball, beside what it depends on and nothing else, until a file's tests have ended. */
export async function installed(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const own = join(folder, 'node_modules', 'tempbalance');
  await run(process.execPath, [
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.build.json',
    '--outDir',
    join(own, 'dist'),
  ]);
  await copySources(join(own, 'dist', 'sources'));
  for (const name of ['package.json', ...packageJson.files.filter((each) => each !== 'dist')]) {
    await cp(name, join(own, name), { recursive: true });
  }
  const { packages }: Lockfile = JSON.parse(await readFile('package-lock.json', 'utf8'));
  const top = Object.entries(packages).filter(([path]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path));
  for (const [path, { dev, devOptional, inBundle }] of top) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (dev || devOptional || !isThere) continue;
    if (inBundle) {
      await unpack(path, join(own, path));
      continue;
    }
    const at = join(folder, path);
    await mkdir(dirname(at), { recursive: true });
    await symlink(resolve(path), at);
  }
  return folder;
}

/** Adds to such a folder what a person adds who deploys from it. */
export async function addOptionalPackages(folder: string): Promise<void> {
  for (const name of Object.keys(packageJson.peerDependencies)) {
    const at = join(folder, 'node_modules', name);
    await mkdir(dirname(at), { recursive: true });
    await symlink(resolve('node_modules', name), at).catch(() => {});
  }
  const bin = join('node_modules', '.bin', 'esbuild');
  await mkdir(join(folder, dirname(bin)), { recursive: true });
  await symlink(resolve(bin), join(folder, bin));
}
