/**
 * Packages that the tarball brings (`bundleDependencies`), without what this program never reads of them. `npm pack` takes them as they lie in
 * node_modules: `set-aside` moves the rest out of the way before it, and `put-back` brings it back afterwards.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** What is left out of packages, by their paths in node_modules, and why. */
const leftOut: readonly { readonly paths: RegExp; readonly why: string }[] = [
  {
    paths: /^onnxruntime-node\/bin\/.*\/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/,
    why: 'the same library under a second name, which is a link where ONNX Runtime is built',
  },
  {
    paths: /^onnxruntime-node\/bin\/.*\/DirectML\.dll$/,
    why: 'a provider that is not used, and loaded when it is asked for',
  },
  {
    paths: /^onnxruntime-node\/bin\/.*\/win32\/arm64\/(dxcompiler|dxil)\.dll$/,
    why: "DirectX' compiler for Windows on ARM, which WebGPU alone loads",
  },
  {
    paths: /^tokenizers\/tokenizers\.(android-.*|darwin-universal|linux-arm-gnueabihf|win32-ia32-msvc)\.node$/,
    why: 'Android, 32 bits, and both kinds of Mac in one beside one for each',
  },
  {
    paths:
      /^@tensorflow\/[^/]+\/(?!LICENSE$|package\.json$|node_modules\/|dist\/.*\.(d\.ts|node\.js)$|dist\/[^/]+\.wasm$)/,
    why: 'builds for browsers and bundlers with their source maps: Node reads the file that ends in .node.js',
  },
  {
    paths: /^core-js\/(?!LICENSE$|package\.json$)/,
    why: 'features of JavaScript that Node has; nothing of TensorFlow.js for Node reads it',
  },
  { paths: /^h5wasm\/(dist\/(esm|iife)|src\/.*\.cc$|test)\//, why: 'builds for browsers' },
];

/** Whether the tarball has a file of a bundled package. @param path in node_modules, with `/`. */
export const isPacked = (path: string): boolean => !leftOut.some(({ paths }) => paths.test(path));

/**
 * The description of onnxruntime-node without its scripts, and without the packages that they alone use: they would download libraries for CUDA, which
 * nothing here needs.
 */
export function packedDescription(json: string): string {
  const { scripts: _, dependencies, ...description } = JSON.parse(json);
  const kept = { 'onnxruntime-common': dependencies['onnxruntime-common'] };
  return `${JSON.stringify({ ...description, dependencies: kept }, null, 2)}\n`;
}

const modules = 'node_modules';
const aside = join(modules, '.set-aside');

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name));
}

async function move(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
}

async function putBack(): Promise<void> {
  for (const file of await filesOf(aside)) await move(file, join(modules, relative(aside, file)));
  await rm(aside, { recursive: true, force: true });
}

async function setAside(): Promise<void> {
  await putBack();
  for (const name of ['onnxruntime-node', 'tokenizers', '@tensorflow', 'core-js', 'h5wasm']) {
    for (const file of await filesOf(join(modules, name))) {
      const path = relative(modules, file);
      if (!isPacked(path.replaceAll('\\', '/'))) await move(file, join(aside, path));
    }
  }
  const description = join('onnxruntime-node', 'package.json');
  const json = await readFile(join(modules, description), 'utf8');
  await move(join(modules, description), join(aside, description));
  await writeFile(join(modules, description), packedDescription(json));
}

if (process.argv[2] === 'set-aside') await setAside();
if (process.argv[2] === 'put-back') await putBack();
