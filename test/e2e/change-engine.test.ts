import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

it('goes on with a run on another engine, and says so in its history', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 2, engine: 'wasm' } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const run = join(folder, 'runs', 'small');
  const resumed = await runCli(['resume', run, '--set', 'training.engine=onnx', '--set', 'training.epochs=3']);
  expect(resumed.stderr).toBe('');
  expect(resumed.code).toBe(0);
  const { history, versions } = JSON.parse(await readFile(join(run, 'run.json'), 'utf8'));
  const notes = history.map(({ what }: { what: string }) => what).join('\n');
  expect(notes).toContain('training.engine: "wasm" -> "onnx"');
  expect(notes).toMatch(/versions\.engine: "tfjs-backend-wasm [\d.]+" -> "onnxruntime-node [\d.]+, \d+ threads?"/);
  expect(versions.engine).toMatch(/^onnxruntime-node/);
});
