/** Builds the WebAssembly kernels into a module that holds their bytes; with `--check` says whether it has drifted. */
import { readFile, writeFile } from 'node:fs/promises';
import asc from 'assemblyscript/asc';

const folder = 'shared/spectra/solvers/wasm';
const variants = { simd: ['simd'], relaxedSimd: ['simd', 'relaxed-simd'] };

async function compile(features) {
  let binary;
  const enabled = features.flatMap((feature) => ['--enable', feature]);
  const { error, stderr } = await asc.main(
    [
      `${folder}/assembly/kernels.ts`,
      `${folder}/assembly/in-order.ts`,
      ...enabled,
      '-O3',
      '--runtime',
      'stub',
      '--noAssert',
      '--outFile',
      'kernels.wasm',
    ],
    {
      writeFile: (name, content) => {
        if (name.endsWith('.wasm') && typeof content !== 'string') binary = content;
      },
    },
  );
  if (error || !binary) throw new Error(`the kernels do not compile: ${stderr}`, { cause: error });
  return binary;
}

const lines = ['/** Made by `npm run build:wasm` from assembly/; do not edit. Base64. */'];
for (const [name, features] of Object.entries(variants)) {
  lines.push(`export const ${name} =\n  '${Buffer.from(await compile(features)).toString('base64')}';`);
}
const path = `${folder}/kernels.ts`;
const content = `${lines.join('\n')}\n`;
if (!process.argv.includes('--check')) await writeFile(path, content);
else if ((await readFile(path, 'utf8').catch(() => '')) !== content) {
  process.stderr.write(`out of date: ${path}; run \`npm run build:wasm\`\n`);
  process.exitCode = 1;
}
