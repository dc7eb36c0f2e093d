import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const tensorsIn = async (path: string) => (await openSafetensors(await fileSource(path))).readAll();

/** Weights, the average of them, optimizer state and metrics of a committed epoch. */
async function epochOf(run: string, epoch: number) {
  const folder = join(run, 'epochs', String(epoch).padStart(4, '0'));
  const { attempt, files } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  const bytes = async (file: string) => readFile(join(folder, attempt, file));
  return { files: Object.keys(files), bytes, path: (file: string) => join(folder, attempt, file) };
}

it.each([
  ['plain', 'off'],
  ['balanced', { preset: 'modelBalancing' }],
] as const)(
  'a %s U-Net is trained with an average, goes on to the same bits, is exported and read again',
  { timeout: 240_000 },
  async (_, balance) => {
    const folder = await temporaryFolder();
    const settings = {
      model: { family: 'unet1d', initFeatures: 4, modes: undefined, width: undefined, projection: undefined },
      dataset: { subsample: { space: 2 } },
      training: { epochs: 2, engine: 'wasm', ema: { decay: 0.9 }, accumulate: 2 },
      balance,
    } as never;
    const through = await writeRunFile(folder, settings, 'through.yaml');
    const train = async (runFile: string, ...set: string[]) => {
      const { code, stderr } = await runCli(['train', runFile, ...set.flatMap((each) => ['--set', each])]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    };
    await train(through, 'output.name=through');
    await train(through, 'output.name=stopped', 'training.epochs=1');
    const run = (name: string) => join(folder, 'runs', name);
    const resumed = await runCli(['resume', run('stopped'), '--set', 'training.epochs=2']);
    expect({ code: resumed.code, stderr: resumed.stderr }).toEqual({ code: 0, stderr: '' });
    const [whole, inParts] = [await epochOf(run('through'), 2), await epochOf(run('stopped'), 2)];
    for (const file of ['model.safetensors', 'optimizer.safetensors', 'average.safetensors']) {
      expect((await inParts.bytes(file)).equals(await whole.bytes(file)), file).toBe(true);
    }

    const [model, average] = [
      await tensorsIn(whole.path('model.safetensors')),
      await tensorsIn(whole.path('average.safetensors')),
    ];
    const optimizer = await tensorsIn(whole.path('optimizer.safetensors'));
    // Two epochs of 3 batches of 2, in parts of 1, with 3 steps of the roll-out each.
    expect(model.get('bottleneck.bottlenecknorm1.num_batches_tracked')!.data).toEqual(Float32Array.of(2 * 3 * 2 * 3));
    expect(average.get('encoder1.enc1norm1.running_var')).toEqual(model.get('encoder1.enc1norm1.running_var'));
    expect(average.get('encoder1.enc1norm1.weight')).not.toEqual(model.get('encoder1.enc1norm1.weight'));
    expect([...optimizer.keys()].filter((name) => /running|tracked/.test(name))).toEqual([]);

    const { metrics } = JSON.parse((await whole.bytes('metrics.json')).toString());
    const report = JSON.parse((await runCli(['report', run('through'), '--json'])).stdout);
    const { epoch: best } = report.runs[0].best;
    const exported = join(run('through'), 'model', 'model.safetensors');
    const chosen = await (await epochOf(run('through'), best)).bytes(
      best === 0 ? 'model.safetensors' : 'average.safetensors',
    );
    expect((await readFile(exported)).equals(chosen)).toBe(true);
    await train(
      through,
      'output.name=again',
      'training.epochs=1',
      `model.weights=${whole.path('average.safetensors')}`,
    );
    const again = await epochOf(run('again'), 0);
    expect(JSON.parse((await again.bytes('metrics.json')).toString()).metrics).toEqual(metrics);
  },
);
