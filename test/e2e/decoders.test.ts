import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { runCli } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { writeDecoderFolder } from '../support/language-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

const endOfText = '<|endoftext|>';

/** A folder with a decoder for words (`decoder`), labelled texts (`texts.jsonl`), and a run file that makes a classifier of it. */
async function writeDecoderRun(
  kind: string,
  { model = {}, pad, config = {} }: { model?: object; pad?: string; config?: Record<string, unknown> } = {},
) {
  const cwd = await temporaryFolder();
  await writeDecoderFolder(join(cwd, 'decoder'), kind, config, pad);
  await copyFile(fixturePath('data', 'topic_keywords.jsonl'), join(cwd, 'texts.jsonl'));
  const run = {
    model: { family: 'huggingface', folder: 'decoder', maxTokens: 64, lengths: 2, ...model },
    dataset: { format: 'jsonl', path: 'texts.jsonl', samples: 60 },
    training: { epochs: 1, batchSize: 8, learningRate: 0.003, optimizer: { name: 'adamw' }, validation: 20 },
    balance: { unit: 'block' },
    output: { name: 'texts' },
  };
  await writeFile(join(cwd, 'run.yaml'), stringify(run));
  return cwd;
}

async function succeeds(args: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await runCli(args, { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return { stdout, stderr };
}

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'));

it('a decoder learns labels; its fused layers are balanced; its export has the number of padding', async () => {
  const cwd = await writeDecoderRun('phi3', { pad: endOfText });
  const { stdout } = await succeeds(['validate', 'run.yaml'], cwd);
  expect(stdout).toMatch(/drawn +score/);
  await succeeds(['train', 'run.yaml'], cwd);
  const exported = join(cwd, 'runs/texts/model');
  const config = await json(join(exported, 'config.json'));
  const { added_tokens: added } = await json(join(cwd, 'decoder/tokenizer.json'));
  expect(config).toMatchObject({
    architectures: ['Phi3ForSequenceClassification'],
    pad_token_id: added.find(({ content }: { content: string }) => content === endOfText).id,
    id2label: { 0: '0', 1: '1', 2: '2' },
  });
  const expected = await succeeds(['predict', 'texts', 'texts.jsonl'], cwd);
  expect((await succeeds(['predict', 'runs/texts/model', 'texts.jsonl'], cwd)).stdout).toBe(expected.stdout);
  const analysed = JSON.parse((await succeeds(['analyze', 'texts', '--json', '--no-eigenvalues'], cwd)).stdout);
  const layers = [0, 1].flatMap((block) =>
    ['self_attn.qkv_proj', 'self_attn.o_proj', 'mlp.gate_up_proj', 'mlp.down_proj'].map(
      (name) => `model.layers.${block}.${name}`,
    ),
  );
  expect([...new Set(analysed.layers.map(({ name }: { name: string }) => name))]).toEqual(layers);
});

it('an adapter of a decoder trains the layer of the labels whole, and labels the same when it is merged', async () => {
  const cwd = await writeDecoderRun('gemma2', { model: { lora: { rank: 2 } }, config: { query_pre_attn_scalar: 16 } });
  const { stderr } = await succeeds(['validate', 'run.yaml'], cwd);
  expect(stderr).toContain('names a token for padding: transformers takes one text at a time');
  await succeeds(['train', 'run.yaml'], cwd);
  const exported = join(cwd, 'runs/texts/model');
  expect(await json(join(exported, 'adapter_config.json'))).toMatchObject({
    task_type: 'SEQ_CLS',
    target_modules: ['q_proj', 'v_proj'],
    modules_to_save: ['score'],
  });
  expect(await json(join(exported, 'base_config.json'))).toMatchObject({ pad_token_id: null });
  expect(await readFile(join(exported, 'README.md'), 'utf8')).toContain('One text at a time');
  await succeeds(['export', 'texts', 'whole', '--merge'], cwd);
  const labelled = async (model: string): Promise<number[]> =>
    (await succeeds(['predict', model, 'texts.jsonl'], cwd)).stdout
      .trim()
      .split('\n')
      .flatMap((line) => Object.values<number>(JSON.parse(line).probabilities));
  const [run, whole] = [await labelled('texts'), await labelled('whole')];
  for (const [at, share] of run.entries()) expect(whole[at]!).toBeCloseTo(share, 5);
});

it('init says what of a decoder is not supported, instead of writing a task that it cannot do', async () => {
  const cwd = await writeDecoderRun('qwen3');
  const path = join(cwd, 'decoder/config.json');
  const config = await json(path);
  const started = () => runCli(['init', 'new.yaml', '--dataset', 'texts.jsonl', '--model', 'decoder'], { cwd });
  await writeFile(path, JSON.stringify({ ...config, rope_scaling: { rope_type: 'ntk', factor: 2 } }));
  const { code, stderr } = await started();
  expect(code).toBe(2);
  expect(stderr).toContain('rotary positions of type ntk are not supported');
  await writeFile(path, JSON.stringify(config));
  expect((await started()).code).toBe(0);
  expect(await readFile(join(cwd, 'new.yaml'), 'utf8')).toContain('task: classification # or causal-lm');
});
