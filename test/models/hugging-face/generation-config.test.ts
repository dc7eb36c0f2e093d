import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readGeneration } from '../../../shared/models/hugging-face/generation-config.ts';
import { temporaryFolder } from '../../support/small-run.ts';

async function folderWith(config: object | string): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'generation_config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return folder;
}

const model = { model_type: 't5', eos_token_id: 1, num_beams: 4 };

it('where the file is missing, keys of config.json count', async () => {
  const folder = await temporaryFolder();
  expect(await readGeneration(folder, {})).toEqual({});
  expect(await readGeneration(folder, { model_type: 't5', eos_token_id: 1, max_length: 20 })).toEqual({
    ends: [1],
    maxTargetTokens: 19,
  });
  await expect(readGeneration(folder, model)).rejects.toMatchObject({
    where: join(folder, 'config.json'),
    message: expect.stringContaining('num_beams: 4'),
  });
});

it.each([
  [
    'the tokens that a text begins and ends with',
    { decoder_start_token_id: 3, eos_token_id: [1, 7] },
    { start: 3, ends: [1, 7] },
  ],
  ['a length that counts the first token', { max_length: 20, eos_token_id: 1 }, { ends: [1], maxTargetTokens: 19 }],
  ['new tokens before a length', { max_length: 20, max_new_tokens: 64 }, { maxTargetTokens: 64 }],
  [
    'what means nothing for greedy search',
    { _from_model_config: true, temperature: 0.7, top_k: 0, length_penalty: 2, transformers_version: '5.18.0' },
    {},
  ],
  [
    'features that are off',
    { num_beams: 1, do_sample: false, repetition_penalty: 1.0, no_repeat_ngram_size: 0, bad_words_ids: null },
    {},
  ],
])('obeys or passes over %s', async (_, config, expected) => {
  expect(await readGeneration(await folderWith(config), model)).toEqual(expected);
});

it('refuses another search by name, unless greedy search is wanted all the same', async () => {
  const folder = await folderWith({ num_beams: 4, no_repeat_ngram_size: 3, early_stopping: true, eos_token_id: 1 });
  await expect(readGeneration(folder, model)).rejects.toMatchObject({
    where: join(folder, 'generation_config.json'),
    message: expect.stringContaining('asks for more than greedy search: num_beams: 4, no_repeat_ngram_size: 3'),
    remedy: expect.stringContaining('--greedy'),
  });
  expect(await readGeneration(folder, model, { greedy: true })).toEqual({ ends: [1] });
});

it('names what is damaged', async () => {
  await expect(readGeneration(await folderWith('{'), model)).rejects.toThrow("can't be read as JSON");
  await expect(readGeneration(await folderWith({ eos_token_id: 'end' }), model)).rejects.toThrow('eos_token_id');
});
