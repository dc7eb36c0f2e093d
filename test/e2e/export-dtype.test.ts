import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openTensors } from '../../shared/tensors/open-tensors.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';
import { runCli } from '../support/cli.ts';
import { writeDecoderFolder } from '../support/language-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

it('a model that has no place in float16 is left in float32 by its run, refused by export, and written in bfloat16', async () => {
  const cwd = await temporaryFolder();
  const folder = await writeDecoderFolder(join(cwd, 'llama'), 'llama', { num_hidden_layers: 1 });
  const store = await openTensors(folder);
  const tensors = new Map<string, HostTensor>();
  const factors: Readonly<Record<string, number>> = { 'model.norm.weight': 1e-7, 'lm_head.weight': 1e7 };
  for (const name of store.names()) {
    const { shape, data } = await store.read(name);
    tensors.set(name, { shape, data: Float32Array.from(data, (value) => value * (factors[name] ?? 1)) });
  }
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors, { format: 'pt' }));
  const texts = Array.from({ length: 12 }, (_, row) => `a text of words, the ${row}th of them`);
  await writeFile(join(cwd, 'texts.txt'), texts.join('\n'));
  const run = {
    model: { family: 'huggingface', folder: 'llama', task: 'causal-lm', maxTokens: 32 },
    dataset: { format: 'lines', path: 'texts.txt' },
    training: { epochs: 1, batchSize: 8, learningRate: 1e-5, optimizer: { name: 'adamw' }, validation: 4 },
    balance: 'off',
    output: { name: 'large', dtype: 'float16' },
  };
  await writeFile(join(cwd, 'run.yaml'), stringify(run));
  const typesIn = async (exported: string) => {
    const written = await openTensors(join(cwd, exported));
    return [...new Set(written.names().map((name) => written.entry(name).dtype))];
  };
  const trained = await runCli(['train', 'run.yaml'], { cwd });
  expect(trained).toMatchObject({ code: 0 });
  expect(trained.stdout).toContain('exported in float32, not in float16 (output.dtype): values beyond float16');
  expect(await typesIn('runs/large/model')).toEqual(['F32']);
  const refused = await runCli(['export', 'large', 'half'], { cwd });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/65504, in lm_head\.weight \(/) });
  expect((await runCli(['export', 'large', 'half', '--dtype', 'bfloat16'], { cwd })).code).toBe(0);
  expect(await typesIn('half')).toEqual(['BF16']);
  expect(JSON.parse(await readFile(join(cwd, 'half/config.json'), 'utf8'))).toMatchObject({ dtype: 'bfloat16' });
  expect(await readFile(join(cwd, 'half/README.md'), 'utf8')).toContain('weights in bfloat16, `config.json`');
});
