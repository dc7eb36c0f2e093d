import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/small-run.ts';

const kept = [
  'onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1',
  'tokenizers/tokenizers.linux-x64-gnu.node',
  '@tensorflow/tfjs-core/dist/tf-core.node.js',
  '@tensorflow/tfjs-core/dist/ops/add.js',
  '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.wasm',
  '@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm.js',
  'zod/index.js',
  'h5wasm/dist/node/hdf5_hl.js',
  'apache-arrow/Arrow.node.mjs',
  'core-js/package.json',
];
const removed = [
  'onnxruntime-node/bin/napi-v6/linux/arm64/libonnxruntime.so.1',
  'onnxruntime-node/bin/napi-v6/darwin/arm64/libonnxruntime.dylib',
  'onnxruntime-node/bin/napi-v6/win32/x64/onnxruntime.dll',
  'tokenizers/tokenizers.darwin-universal.node',
  '@tensorflow/tfjs-core/dist/tf-core.fesm.js',
  '@tensorflow/tfjs-core/dist/tf-core.min.js',
  '@tensorflow/tfjs-core/dist/tf-core.node.js.map',
  '@tensorflow/tfjs-core/dist/ops/add_test.js',
  'zod/index.d.ts',
  'h5wasm/dist/iife/h5wasm.js',
  'h5wasm/dist/esm/hdf5_hl.js',
  'apache-arrow/src/Arrow.ts',
  'apache-arrow/Arrow.es2015.min.js',
  'core-js/es/array/from.js',
];

it('keeps what Node reads on x86-64 Linux, and takes away maps, types, and what is for others', async () => {
  const folder = await temporaryFolder();
  for (const file of [...kept, ...removed]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  execFileSync('sh', ['functions/prune-modules.sh', folder]);
  const left = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  expect(left.toSorted()).toEqual(kept.toSorted());
});
