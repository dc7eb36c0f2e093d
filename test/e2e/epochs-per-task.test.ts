import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

/** Digests of every epoch's results. */
async function resultsOf(folder: string, run: string) {
  const epochs = join(folder, 'runs', run, 'epochs');
  const manifests = await Promise.all(
    (await readdir(epochs))
      .sort()
      .map(async (epoch) => JSON.parse(await readFile(join(epochs, epoch, 'manifest.json'), 'utf8'))),
  );
  const files = ['model.safetensors', 'optimizer.safetensors', 'spectra.json', 'rates.json'];
  return manifests.map((manifest) => files.map((file) => manifest.files[file]?.sha256));
}

it('a real model ends in the same bits, however many epochs a training task makes', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 5 }, output: {} });
  for (const count of [1, 3]) {
    const args = ['train', runFile, '--set', `output.name=by${count}`, '--set', `compute.epochsPerTask=${count}`];
    expect(await runCli(args)).toMatchObject({ code: 0, stderr: '' });
  }
  const expected = await resultsOf(folder, 'by1');
  expect(expected).toHaveLength(6);
  expect(await resultsOf(folder, 'by3')).toEqual(expected);
});
