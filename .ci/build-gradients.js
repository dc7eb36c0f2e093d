/**
 * Takes the gradients and the methods of tensors out of TensorFlow.js' core, whose file for Node has them not, into a module that registers them with
 * that file; with `--check` says whether it has drifted. Without it the package @tensorflow/tfjs would be needed, with layers, converter, data and WebGL.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const core = require('@tensorflow/tfjs-core');
const { version } = require('@tensorflow/tfjs-core/package.json');
const dist = dirname(require.resolve('@tensorflow/tfjs-core'));

/** Modules that are taken; what they import comes from the core that is there, where it gives that away. */
const taken = /\/(gradients\/|public\/chained_ops\/|register_all_gradients)/;
/** Where the core gives away what its modules export. */
const places = ['', 'util', 'backend_util', 'broadcast_util', 'slice_util', 'tensor_util', 'image'];
const known = { ENGINE: 'core.engine()', getGlobalTensorClass: "() => globalThis._tfGlobals.get('Tensor')" };

function given(name) {
  if (known[name]) return known[name];
  const place = places.find((each) => name in (each === '' ? core : core[each]));
  return place === undefined ? undefined : `core.${place === '' ? '' : `${place}.`}${name}`;
}

async function namesIn(path, contents) {
  if (path === resolve(dist, 'ops/ops.js')) return Object.keys(core);
  if (path === resolve(dist, 'util.js')) return Object.keys(core.util);
  const { metafile } = await build({
    stdin: { contents, resolveDir: dist },
    write: false,
    metafile: true,
    format: 'esm',
    outfile: 'names.js',
  });
  return Object.values(metafile.outputs)[0].exports;
}

const fromCore = {
  name: 'from-core',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
      const file = resolve(resolveDir, path.endsWith('.js') ? path : `${path}.js`);
      return taken.test(file.slice(dist.length)) ? undefined : { path: file, namespace: 'core', sideEffects: false };
    });
    onLoad({ filter: /.*/, namespace: 'core' }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const names = await namesIn(path, source);
      const isGiven =
        names.every((name) => given(name) !== undefined) || /\/(engine|environment|tensor)\.js$/.test(path);
      const contents = isGiven
        ? names
            .filter(given)
            .map((name) => `export const ${name} = ${given(name)};`)
            .join('\n')
        : source;
      return { contents, resolveDir: dirname(path) };
    });
  },
};

const { outputFiles } = await build({
  stdin: {
    contents: "import './register_all_gradients.js'; import './public/chained_ops/register_all_chained_ops.js';",
    resolveDir: dist,
  },
  bundle: true,
  platform: 'node',
  format: 'iife',
  minify: true,
  legalComments: 'none',
  write: false,
  plugins: [fromCore],
});
const lines = [
  '// @ts-nocheck',
  `/** Of @tensorflow/tfjs-core ${version}, Copyright Google LLC, Apache License 2.0. Made by \`npm run build:gradients\`; do not edit. */`,
  'export function registerGradients(core: unknown): void {',
  outputFiles[0].text.trim(),
  '}',
];
const path = 'shared/engines/gradients.ts';
const content = `${lines.join('\n')}\n`;
if (!process.argv.includes('--check')) await writeFile(path, content);
else if ((await readFile(path, 'utf8').catch(() => '')) !== content) {
  process.stderr.write(`out of date: ${path}; run \`npm run build:gradients\`\n`);
  process.exitCode = 1;
}
