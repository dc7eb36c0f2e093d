import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { analyseLayer } from '../../shared/spectra/analyse.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { openSolver } from '../../shared/spectra/solvers/open-solver.ts';
import type { LayerSpectrum } from '../../shared/spectra/spectrum.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor, HostTensors } from '../../shared/tensors/tensor.ts';
import { runCli, startCli } from '../support/cli.ts';
import { writeGpt2Folder, writeLanguageRun } from '../support/language-folder.ts';

const tensorsOf = async (path: string): Promise<HostTensors> =>
  (await openSafetensors(await fileSource(path))).readAll();

/** Where a file of an epoch is. */
async function inEpoch(run: string, epoch: number, file: string): Promise<string> {
  const folder = join(run, 'epochs', String(epoch).padStart(4, '0'));
  const { attempt } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as { attempt: string };
  return join(folder, attempt, file);
}
const jsonOf = async (run: string, epoch: number, file: string) =>
  JSON.parse(await readFile(await inEpoch(run, epoch, file), 'utf8'));

async function trained(args: readonly string[], cwd: string): Promise<void> {
  const { code, stderr } = await runCli(args, { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

const lora = { rank: 4, alpha: 8, dropout: 0.1 };
const layers = [0, 1].flatMap((block) =>
  ['query', 'value'].map((name) => `bert.encoder.layer.${block}.attention.self.${name}`),
);
const factorsOf = (name: string) => ['A', 'B'].map((letter) => `base_model.model.${name}.lora_${letter}.weight`);
const trainedWhole = ['bert.pooler.dense.weight', 'bert.pooler.dense.bias', 'classifier.weight', 'classifier.bias'];

/** scale * B A, `[out, in]`. */
function productOf(values: HostTensors, name: string, scale: number): HostTensor<Float64Array> {
  const [a, b] = factorsOf(name).map((each) => values.get(each)!) as [HostTensor, HostTensor];
  const [rank, inputs] = a.shape as [number, number];
  const [outputs] = b.shape as [number];
  const data = Float64Array.from({ length: outputs * inputs }, (_, at) => {
    const [row, column] = [Math.floor(at / inputs), at % inputs];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += b.data[row * rank + k]! * a.data[k * inputs + column]!;
    return scale * sum;
  });
  return { shape: [outputs, inputs], data };
}

it('an adapter is trained and kept alone, and its export, merged or not, labels as the run does', async () => {
  const cwd = await writeLanguageRun(
    { lora: { ...lora, dropout: 0, targets: 'all-linear' } },
    { learningRate: 0.005 },
    0,
  );
  const base = await readFile(join(cwd, 'bert/model.safetensors'));
  const { adapter, parameters } = JSON.parse((await runCli(['validate', 'run.yaml', '--json'], { cwd })).stdout);
  expect(adapter).toMatchObject({ config: { r: 4, lora_alpha: 8 }, base: join(cwd, 'bert') });
  expect(parameters.trained).toBeLessThan(parameters.all / 5);
  await trained(['train', 'run.yaml', '--set', 'dataset.samples=all', '--set', 'training.epochs=6'], cwd);
  const run = join(cwd, 'runs/texts');
  const [before, after] = [await jsonOf(run, 0, 'metrics.json'), await jsonOf(run, 6, 'metrics.json')];
  expect(after.metrics.loss).toBeLessThan(before.metrics.loss);
  expect(after.metrics.accuracy).toBeGreaterThan(0.5);
  expect((await readFile(join(cwd, 'bert/model.safetensors'))).equals(base)).toBe(true);

  const labelled = async (model: string) => {
    const { code, stdout, stderr } = await runCli(['predict', model, 'texts.jsonl'], { cwd });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { label: string; probabilities: Record<string, number> });
  };
  const expected = await labelled('texts');
  await trained(['export', 'texts', 'adapter'], cwd);
  await trained(['export', 'texts', 'whole', '--merge'], cwd);
  await trained(['export', 'adapter', 'merged', '--merge'], cwd);
  expect(await readdir(join(cwd, 'adapter'))).toEqual([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'base_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  expect(await readdir(join(cwd, 'adapter'))).toEqual(await readdir(join(run, 'model')));
  expect(await labelled('adapter')).toEqual(expected);
  for (const [index, { label, probabilities }] of (await labelled('whole')).entries()) {
    expect(label).toBe(expected[index]!.label);
    for (const [name, share] of Object.entries(probabilities)) {
      expect(share).toBeCloseTo(expected[index]!.probabilities[name]!, 5);
    }
  }
  const whole = await tensorsOf(join(cwd, 'whole/model.safetensors'));
  expect(await tensorsOf(join(cwd, 'merged/model.safetensors'))).toEqual(whole);
  const untouched = [...(await tensorsOf(join(cwd, 'bert/model.safetensors')))].filter(
    ([name]) => whole.has(name) && !/dense\.weight|(query|key|value)\.weight/.test(name),
  );
  expect(untouched.length).toBeGreaterThan(20);
  for (const [name, tensor] of untouched) expect(whole.get(name), name).toEqual(tensor);

  // As PEFT leaves it: without the labels.
  await rm(join(cwd, 'adapter/base_config.json'));
  await trained(['export', 'adapter', 'unnamed', '--merge'], cwd);
  for (const model of ['adapter', 'unnamed']) {
    const probabilities = (await labelled(model)).map((row) => Object.entries(row.probabilities));
    expect(probabilities[0]!.map(([name]) => name)).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    for (const [index, row] of probabilities.entries()) {
      for (const [place, [, share]] of row.entries()) {
        expect(share).toBeCloseTo(Object.values(expected[index]!.probabilities)[place]!, 5);
      }
    }
  }

  await trained(['export', 'texts', 'adapter', '--merge'], cwd);
  expect(await readdir(join(cwd, 'adapter'))).toEqual(await readdir(join(cwd, 'whole')));
  const { stdout } = await runCli(['analyze', 'texts', '--json', '--no-eigenvalues'], { cwd });
  const analysed = JSON.parse(stdout) as { layers: { name: string; matrix: string }[] };
  expect(new Set(analysed.layers.map(({ matrix }) => matrix))).toEqual(new Set(['W + scale * BA', 'BA']));
  const card = await readFile(join(run, 'model/README.md'), 'utf8');
  expect(card).toContain('library_name: peft');
  expect(card).not.toContain(cwd);
  expect(card).toMatch(
    /LoRA of rank 4 \(alpha 8\) on .*; classifier, bert\.pooler trained whole: [\d,]+ of [\d,]+ param/,
  );
  expect(await readFile(join(cwd, 'whole/README.md'), 'utf8')).toContain('library_name: transformers');
  expect(await readFile(join(run, 'report.html'), 'utf8')).toContain('LoRA of rank 4');
});

it.each(['merged', 'update'] as const)('layers are balanced by the spectra of their %s weights', async (spectra) => {
  const cwd = await writeLanguageRun({ lora: { ...lora, rank: 8, alpha: 16, spectra } }, { epochs: 2 });
  await trained(['train', 'run.yaml', '--set', 'balance.unit=layer', '--set', 'balance.farms.side=8'], cwd);
  const run = join(cwd, 'runs/texts');
  const config = spectraConfigSchema.parse({ farms: { side: 8 } });
  const solver = await openSolver('wasm', { flops: 1, note: () => undefined });
  const base = await tensorsOf(join(cwd, 'bert/model.safetensors'));
  const values = await tensorsOf(await inEpoch(run, 2, 'model.safetensors'));
  const measured = (await jsonOf(run, 2, 'spectra.json')) as { layers: LayerSpectrum[] };
  expect(measured.layers.map(({ name }) => name)).toEqual(layers);
  for (const { name, eigenvalues, alpha, farmsAlpha, flags, shape: own } of measured.layers) {
    const weight = base.get(`${name}.weight`)!;
    const { shape, data } = productOf(values, name, spectra === 'merged' ? 2 : 1);
    const matrix = spectra === 'merged' ? data.map((value, at) => value + weight.data[at]!) : data;
    const layer = { name, kind: 'linear', weights: [name] } as const;
    const direct = await analyseLayer(layer, [[name, { shape, data: matrix }]], config, solver);
    const largest = direct.eigenvalues.slice(-eigenvalues.length);
    expect(eigenvalues).toHaveLength(spectra === 'merged' ? 32 : 8);
    expect(own).toEqual([32, 32]);
    for (const [at, value] of largest.entries()) expect(eigenvalues[at]! / value).toBeCloseTo(1, 8);
    if (spectra === 'merged') {
      expect(alpha).toBeCloseTo(direct.alpha!, 8);
      expect(farmsAlpha).toBeCloseTo(direct.farmsAlpha!, 8);
    } else {
      expect(alpha).toBeGreaterThan(1);
      expect(farmsAlpha).toBeNull();
      expect(flags).toContain('no farmsAlpha: a product of low rank has no sub-matrices of full rank');
    }
  }
  const { layers: rates } = (await jsonOf(run, 1, 'rates.json')) as {
    layers: Record<string, { learningRate: number }>;
  };
  const { applied } = (await jsonOf(run, 2, 'metrics.json')) as {
    applied: { parameters: string[]; learningRateMultiplier: number }[];
  };
  const factorOf = (name: string) =>
    applied.find(({ parameters }) => parameters.includes(name))!.learningRateMultiplier;
  expect(new Set(Object.values(rates).map(({ learningRate }) => learningRate)).size).toBeGreaterThan(1);
  for (const name of layers) {
    for (const factor of factorsOf(name)) expect(factorOf(factor)).toBe(rates[name]!.learningRate);
  }
  for (const name of trainedWhole) expect(factorOf(name)).toBe(1);
  await solver.close?.();
});

it('a run that was killed goes on to the same bits, on the weights that it began with alone', async () => {
  const folderOfRun = () => writeLanguageRun({ lora }, { epochs: 8 });
  const [whole, killed] = [await folderOfRun(), await folderOfRun()];
  await trained(['train', 'run.yaml'], whole);
  const { child, finished } = startCli(['train', 'run.yaml', '--json'], { cwd: killed });
  child.stdout!.on('data', (data) => {
    if (/"type":"epoch",[^\n]*"epoch":1,/.test(String(data))) child.kill('SIGKILL');
  });
  expect((await finished).signal).toBe('SIGKILL');

  const base = join(killed, 'bert/model.safetensors');
  const original = await readFile(base);
  const changed = new Map(await tensorsOf(base));
  const table = changed.get('bert.embeddings.word_embeddings.weight')!;
  changed.set('bert.embeddings.word_embeddings.weight', { ...table, data: table.data.map((value) => value + 1e-3) });
  await writeFile(base, encodeSafetensors(changed, { format: 'pt' }));
  const message = /bert: its weights are not those that the run began with/;
  for (const args of [
    ['resume', 'texts'],
    ['predict', 'texts', 'texts.jsonl'],
    ['export', 'texts', 'out', '--merge'],
  ]) {
    const refused = await runCli(args, { cwd: killed });
    expect({ args, ...refused }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
  }
  await writeFile(base, original);
  await trained(['resume', 'texts'], killed);
  for (const file of ['model.safetensors', 'optimizer.safetensors', 'spectra.json', 'rates.json']) {
    const [one, other] = await Promise.all(
      [whole, killed].map(async (folder) => readFile(await inEpoch(join(folder, 'runs/texts'), 8, file))),
    );
    expect(one!.equals(other!), file).toBe(true);
  }
  const kept = [...layers.flatMap(factorsOf), ...trainedWhole].toSorted();
  const run = join(whole, 'runs/texts');
  const model = await tensorsOf(await inEpoch(run, 8, 'model.safetensors'));
  expect([...model.keys()].toSorted()).toEqual(kept);
  const state = await tensorsOf(await inEpoch(run, 8, 'optimizer.safetensors'));
  const parameters = [...state.keys()].filter((name) => name !== 'step').map((name) => name.replace(/^[^/]+\//, ''));
  expect([...new Set(parameters)].toSorted()).toEqual(kept);
});

it('a run begins with an adapter that is there, and has its base from a setting where that has moved', async () => {
  const cwd = await writeLanguageRun(
    { lora: { ...lora, targets: ['query', 'key', 'value'] } },
    { learningRate: 0.005 },
  );
  await trained(['train', 'run.yaml', '--set', 'dataset.samples=all'], cwd);
  const {
    runs: [{ best }],
  } = JSON.parse((await runCli(['report', 'texts', '--json'], { cwd })).stdout);
  await cp(join(cwd, 'runs/texts/model'), join(cwd, 'adapter'), { recursive: true });
  await cp(join(cwd, 'bert'), join(cwd, 'moved'), { recursive: true });
  const rest = ['--set', 'dataset.samples=all', '--set', 'model.lora=', '--set', 'output.name=on'];
  const on = ['run.yaml', ...rest, '--set', 'model.folder=adapter'];
  await trained(['train', ...on, '--set', 'training.epochs=1'], cwd);
  const { metrics } = await jsonOf(join(cwd, 'runs/on'), 0, 'metrics.json');
  expect(metrics.accuracy).toBe(best.value);
  const { adapter } = JSON.parse(await readFile(join(cwd, 'runs/on/run.json'), 'utf8'));
  expect(adapter.config).toMatchObject({ r: 4, lora_alpha: 8, target_modules: ['query', 'key', 'value'] });

  await rm(join(cwd, 'bert'), { recursive: true });
  const lost = await runCli(['validate', ...on], { cwd });
  expect(lost).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/its base, .*bert, is not a folder here\n.*model.base/),
  });
  expect((await runCli(['predict', 'adapter', 'texts.jsonl'], { cwd })).code).toBe(2);
  expect((await runCli(['predict', 'adapter', 'texts.jsonl', '--base', 'moved'], { cwd })).code).toBe(0);
  expect(
    await runCli(['validate', ...on, '--set', 'model.base=moved', '--set', 'model.head=fresh'], { cwd }),
  ).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/adapter: model.head: fresh takes a whole model.*\n.*model.lora/),
  });
  expect(await runCli(['validate', ...on, '--set', 'model.fresh=true'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is an adapter, which means nothing on fresh weights'),
  });
  const found = await runCli(['validate', ...on, '--set', 'model.base=moved'], { cwd });
  expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('LoRA of rank 4') });
  const own = ['--set', 'model.base=moved', '--set', 'model.lora.rank=2'];
  expect(await runCli(['validate', ...on, ...own], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/model.lora: the adapter in .*adapter has its own rank/),
  });
});

it.each([
  ['masked-lm', 'bert', ['query', 'value']],
  ['causal-lm', 'gpt2', ['c_attn']],
] as const)('an adapter for %s learns words', async (task, model, targets) => {
  const cwd = await writeLanguageRun({ task, folder: model, lora: {} }, { learningRate: 0.01, clipNorm: 1 });
  if (model === 'gpt2') await writeGpt2Folder(join(cwd, 'gpt2'));
  await trained(['train', 'run.yaml'], cwd);
  const run = join(cwd, 'runs/texts');
  const [before, after] = [await jsonOf(run, 0, 'metrics.json'), await jsonOf(run, 4, 'metrics.json')];
  expect(after.metrics.loss).toBeLessThan(before.metrics.loss);
  const config = JSON.parse(await readFile(join(run, 'model/adapter_config.json'), 'utf8'));
  expect(config).toMatchObject({ r: 8, lora_alpha: 8, target_modules: targets, fan_in_fan_out: model === 'gpt2' });
  await trained(['export', 'runs/texts/model', 'whole', '--merge'], cwd);
});

it.each([
  [['model.lora.targets=[q_proj]'], /model.lora.targets: no dense layer is a target of the adapter: q_proj\n.*query/],
  [['model.lora.targets=[query, q_proj]'], /no dense layer is a target of the adapter: q_proj\n.*query/],
  [['model.lora.alsoTrained=[head]'], /model.lora.alsoTrained: the model has no module .*: head\n.*classifier/],
  [['model.lora.rang=4'], /model.lora.rang: unknown key\n.*did you mean "rank"/],
  [['model.base=bert'], /bert: is not an adapter, so it has no base/],
  [['model.task=masked-lm', 'model.lora.alsoTrained=[cls]'], /cls can't be trained whole beside an adapter/],
  [['model.fresh=true', 'model.lora.rank=4'], /model.lora: does not go with model.fresh/],
])('what does not fit an adapter is refused: %s', async (given, message) => {
  const folder = await writeLanguageRun();
  const args = given.flatMap((each) => ['--set', each]);
  const { code, stderr } = await runCli(['validate', 'run.yaml', ...args], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

it('an adapter is not merged into the folder of its base', async () => {
  const whole = await writeLanguageRun({}, { epochs: 1 });
  await trained(['train', 'run.yaml'], whole);
  const cwd = await writeLanguageRun({ lora: {}, folder: 'base' }, { epochs: 1 });
  // The export of another run, which could be written over.
  await cp(join(whole, 'runs/texts/model'), join(cwd, 'base'), { recursive: true });
  await trained(['train', 'run.yaml'], cwd);
  for (const model of ['texts', 'runs/texts/model']) {
    expect(await runCli(['export', model, './base', '--merge', '--force'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('base: is the base of the adapter, which needs it as it is'),
    });
  }
});

it('only adapters are merged', async () => {
  const cwd = await writeLanguageRun({}, { epochs: 1 });
  await trained(['train', 'run.yaml'], cwd);
  expect(await runCli(['export', 'bert', 'out', '--merge'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('bert: is neither a run nor the folder of an adapter'),
  });
  expect(await runCli(['export', 'texts', 'out', '--merge'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('trains no adapter, so there is nothing to merge'),
  });
});
