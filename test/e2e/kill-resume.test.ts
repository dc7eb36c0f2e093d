import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { killCli, runCliProcess } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const epochs = 12;

/** What must be the same to the bit, however often the run was killed. */
async function resultOf(folder: string, run: string) {
  const root = join(folder, 'runs', run);
  const epochFolders = await readdir(join(root, 'epochs'));
  const last = join(root, 'epochs', epochFolders.sort().at(-1)!);
  const manifest = JSON.parse(await readFile(join(last, 'manifest.json'), 'utf8'));
  const { seconds: _, ...metrics } = JSON.parse(await readFile(join(last, manifest.attempt, 'metrics.json'), 'utf8'));
  return {
    epochs: epochFolders,
    files: Object.fromEntries(
      ['model.safetensors', 'optimizer.safetensors', 'average.safetensors', 'rates.json', 'spectra.json'].map(
        (file) => [file, manifest.files[file]?.sha256],
      ),
    ),
    metrics,
    exported: await readFile(join(root, 'model', 'model.safetensors')),
  };
}

it.each([
  { engine: 'wasm', kills: 10, name: '', training: {} },
  { engine: 'onnx', kills: 4, name: '', training: {} },
  {
    engine: 'onnx',
    kills: 3,
    name: ' with muon and an average',
    training: { optimizer: { name: 'muon' }, ema: { decay: 0.9 } },
  },
])(
  'gives bit-identical results on $engine$name however often the process is killed and resumed',
  {
    timeout: 400_000,
  },
  async ({ engine, kills, training }) => {
    const folder = await temporaryFolder();
    const runFile = await writeRunFile(folder, { training: { epochs, engine, ...training }, output: {} });
    const started = performance.now();
    const whole = await runCliProcess(['train', runFile, '--json', '--set', 'output.name=whole']);
    const duration = performance.now() - started;
    expect(whole.stderr).toBe('');
    expect(whole.code).toBe(0);
    const expected = await resultOf(folder, 'whole');
    const lines = whole.stdout.split('\n').length;

    const random = randomFor(2026, 'kills');
    let killed = 0;
    let committedBetween = 0;
    for (let number = 0; killed < kills; number++) {
      const run = `killed-${number}`;
      let args = ['train', runFile, '--json', '--set', `output.name=${run}`];
      for (;;) {
        const delay = (random.uniform() * duration) / lines;
        const ended = await killCli(args, { lines: random.integer(lines), delay });
        if (ended.signal !== 'SIGKILL') {
          expect(ended.stderr).toBe('');
          expect(ended.code).toBe(0);
          break;
        }
        killed += 1;
        const begun = await readdir(join(folder, 'runs', run)).catch((): string[] => []);
        if (begun.includes('head.json')) committedBetween += 1;
        if (begun.includes('request.json')) args = ['resume', join(folder, 'runs', run), '--json'];
      }
      expect(await resultOf(folder, run)).toEqual(expected);
    }
    expect(killed).toBeGreaterThanOrEqual(kills);
    expect(committedBetween).toBeGreaterThan(0);
  },
);
