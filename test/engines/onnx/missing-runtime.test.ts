import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { moduleOf } from '../../support/child.ts';
import { temporaryFolder } from '../../support/small-run.ts';

/** Preloaded, in threads too: the package is there, and has no binary for this machine. */
const withoutBinary = `
const Module = require('node:module');
const load = Module._load;
Module._load = (request, ...others) => {
  if (request === 'onnxruntime-node') throw new Error('no binary');
  return load(request, ...others);
};`;

const program = `
import { openEngine } from ${moduleOf('shared/engines/open-engine.ts')};
const warnings: string[] = [];
const { name } = await openEngine('auto', (message) => warnings.push(message));
const refused = await openEngine('onnx').catch((error) => error.message);
console.log(JSON.stringify({ name, warnings, refused }));`;

it('is passed over by auto, which says so, and refused where it is asked for', async () => {
  const folder = await temporaryFolder();
  const [preload, main] = [join(folder, 'without-binary.cjs'), join(folder, 'main.ts')];
  await writeFile(preload, withoutBinary);
  await writeFile(main, program);
  const env = { ...process.env, TEMPBALANCE_TFJS_NODE: '' };
  const { name, warnings, refused } = JSON.parse(
    (await promisify(execFile)(process.execPath, ['--require', preload, main], { env })).stdout,
  );
  expect(['wasm', 'tfjs-node-gpu']).toContain(name);
  const message = /^engine onnx on \w+ \w+: ONNX Runtime can't be loaded: .*no binary\n.*wasm/;
  expect(refused).toMatch(message);
  if (name === 'wasm') expect(warnings).toEqual([expect.stringMatching(message)]);
});
