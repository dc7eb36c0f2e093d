/** What an installation takes on the disk, part by part: `node docs/installed-size.ts path/to/node_modules` prints the table of docs/install.md. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

const parts: readonly { readonly name: string; readonly holds: RegExp }[] = [
  { name: '`onnxruntime-node`: the engine `onnx`, for Linux, Windows and macOS', holds: /^onnxruntime-/ },
  { name: '`tokenizers`, for eight systems', holds: /^tokenizers$/ },
  { name: 'TensorFlow.js, and WebAssembly for it', holds: /^@tensorflow\// },
  { name: '`h5wasm`: HDF5', holds: /^h5wasm$/ },
  { name: 'clients of AWS that the interpreter of workflows brings', holds: /^(@aws-sdk|@smithy|@aws)\// },
  { name: '`tempbalance` itself, with what deploying builds from', holds: /^tempbalance$/ },
];
const others = 'about 150 small packages';

/** Bytes of files in a folder, less those of packages in it. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? await sizeOf(path) : (await stat(path)).size;
  }
  return bytes;
}

async function packagesIn(modules: string): Promise<{ name: string; folder: string }[]> {
  const names = await readdir(modules).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => !name.startsWith('.'))
      .map(async (name) => {
        if (!name.startsWith('@')) return [name];
        return (await readdir(join(modules, name))).map((each) => `${name}/${each}`);
      }),
  );
  const packages = found.flat().map((name) => ({ name, folder: join(modules, name) }));
  const nested = await Promise.all(
    packages.map(async ({ folder }) => packagesIn(join(await realpath(folder), 'node_modules'))),
  );
  return [...packages, ...nested.flat()];
}

/** MB (10^6 bytes) of each part of a folder of packages, the largest first. */
export async function installedSize(modules: string): Promise<{ part: string; megabytes: number }[]> {
  const sizes = new Map<string, number>();
  for (const { name, folder } of await packagesIn(modules)) {
    const part = parts.find(({ holds }) => holds.test(name))?.name ?? others;
    sizes.set(part, (sizes.get(part) ?? 0) + (await sizeOf(await realpath(folder))) / 1e6);
  }
  return [...sizes].map(([part, megabytes]) => ({ part, megabytes })).toSorted((a, b) => b.megabytes - a.megabytes);
}

/** Rows of a table in Markdown, with the sum. */
export function sizeTable(sizes: readonly { readonly part: string; readonly megabytes: number }[]): string {
  const all = sizes.reduce((sum, { megabytes }) => sum + megabytes, 0);
  const rows = [...sizes, { part: 'together', megabytes: all }];
  return rows.map(({ part, megabytes }) => `| ${part} | ${megabytes.toFixed(0)} |`).join('\n');
}

const [, script, modules] = process.argv;
if (script?.endsWith('installed-size.ts') && modules)
  process.stdout.write(`${sizeTable(await installedSize(modules))}\n`);
