import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli } from '../support/cli.ts';
import { writeT5Folder } from '../support/language-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

it('a T5 learns to write one text of another; what does not fit is told', async () => {
  const cwd = await temporaryFolder();
  await writeT5Folder(join(cwd, 't5'), { feed_forward_proj: 'gated-gelu', tie_word_embeddings: false });
  const rows = Array.from({ length: 24 }, (_, row) => ({
    document: `the ${row % 5} birds of ${'a far land '.repeat(1 + (row % 3))}`,
    summary: `${row % 5} birds`,
  }));
  await writeFile(join(cwd, 'texts.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
  const write = (model: object, dataset: object = {}) =>
    writeFile(
      join(cwd, 'run.yaml'),
      stringify({
        model: { family: 'huggingface', folder: 't5', task: 'seq2seq', maxTokens: 32, lengths: 1, ...model },
        dataset: { format: 'jsonl', path: 'texts.jsonl', ...dataset },
        training: { epochs: 1, batchSize: 8, learningRate: 0.01, optimizer: { name: 'adamw' }, validation: 8 },
        balance: { unit: 'block', minEigenvalues: 0 },
        output: { name: 'written' },
      }),
    );
  const run = (...args: string[]) => runCli(args, { cwd });

  await write({ task: 'classification', maxTargetTokens: 8 });
  const refused = await run('validate', 'run.yaml');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('model.maxTargetTokens: goes with model.task seq2seq');

  await write({ maxTargetTokens: 4 });
  const { code, stdout, stderr } = await run('train', 'run.yaml');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stdout + stderr).toContain('texts are taken from "document" and targets from "summary"');
  expect(stdout + stderr).toMatch(/targets are cut to 4 tokens/);
  expect(stdout).toMatch(/epoch 1\/1 .*loss/);
  const exported = join(cwd, 'runs/written/model');
  expect(JSON.parse(await readFile(join(exported, 'config.json'), 'utf8'))).toMatchObject({
    architectures: ['T5ForConditionalGeneration'],
    tie_word_embeddings: false,
    decoder_start_token_id: 0,
  });
  const names = (await openSafetensors(await fileSource(join(exported, 'model.safetensors')))).names();
  expect(names).toContain('decoder.block.0.layer.1.EncDecAttention.q.weight');
  expect(names).toContain('lm_head.weight');
  expect(await readFile(join(exported, 'README.md'), 'utf8')).toContain(
    'AutoModelForSeq2SeqLM.from_pretrained(folder)',
  );

  const predicted = await run('predict', 'written', 'texts.jsonl');
  expect(predicted).toMatchObject({ code: 0 });
  const lines = predicted.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(rows.length);
  expect(lines[3]).toEqual({ row: 4, written: expect.any(String), expected: '3 birds' });
  expect(predicted.stderr).toMatch(/\d+ of 24 are written as the file has them/);
  // The export writes as the run does, of texts alone too.
  await writeFile(join(cwd, 'alone.csv'), `document\n${rows.map(({ document }) => document).join('\n')}\n`);
  const options = ['--csv', '--max-target-tokens', '4', '--max-tokens', '32'];
  const alone = await run('predict', 'runs/written/model', 'alone.csv', ...options);
  expect(alone).toMatchObject({ code: 0 });
  const shown = alone.stdout.trim().split('\r\n');
  expect(shown[0]).toBe('row,written');
  expect(shown).toHaveLength(1 + rows.length);
  const json = JSON.parse((await run('predict', 'written', 'texts.jsonl', '--no-labels', '--json')).stdout);
  expect(json.texts.map(({ written }: { written: string }) => written)).toEqual(lines.map(({ written }) => written));
  expect(json).not.toHaveProperty('metrics');
  expect(json.texts[0]).not.toHaveProperty('expected');
  // What the folder says of writing is obeyed, or refused by name.
  const generation = join(exported, 'generation_config.json');
  await writeFile(generation, JSON.stringify({ max_new_tokens: 2, num_beams: 1 }));
  const short = await run('predict', 'runs/written/model', 'alone.csv');
  expect(short.stderr).toMatch(/written texts end at 2 tokens/);
  await writeFile(generation, JSON.stringify({ max_new_tokens: 4, num_beams: 4 }));
  const beams = await run('predict', 'runs/written/model', 'alone.csv');
  expect(beams.code).toBe(2);
  expect(beams.stderr).toContain('generation_config.json: asks for more than greedy search: num_beams: 4');
  const greedy = await run('predict', 'runs/written/model', 'alone.csv', '--greedy', '--csv', '--max-tokens', '32');
  expect(greedy).toMatchObject({ code: 0, stdout: alone.stdout });
  await rm(generation);
  const threshold = await run('predict', 'written', 'texts.jsonl', '--threshold', '0.5', '--column', 'label=summary');
  expect(threshold.code).toBe(2);
  expect(threshold.stderr).toContain('--threshold, --column label: does not go with this model, which writes texts');
  const missing = await run('predict', 'written', 'texts.jsonl', '--column', 'text=text');
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('"text"');
  expect((await run('init', 'new.yaml', '--dataset', 'texts.jsonl', '--model', 't5')).code).toBe(0);
  const started = await readFile(join(cwd, 'new.yaml'), 'utf8');
  expect(started).toContain('task: seq2seq # or classification');
  await writeFile(join(cwd, 'bare.jsonl'), rows.map(({ document }) => JSON.stringify({ document })).join('\n'));
  const bare = await run('init', 'bare.yaml', '--dataset', 'bare.jsonl', '--model', 't5');
  expect(bare.code).toBe(2);
  expect(bare.stderr).toContain('bare.jsonl: has texts alone');
  expect(bare.stderr).toContain(
    'for classification a label (column label), for seq2seq a text to write (column target)',
  );
  expect(started).toContain('columns: { text: document, target: summary }');
});
