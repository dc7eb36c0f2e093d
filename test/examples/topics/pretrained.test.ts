import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { writeFreshBert } from '../../../examples/pretrain-bert.ts';
import { bert, pretrainingTexts } from '../../../examples/topics/pretraining.ts';
import { train } from '../../../examples/train.ts';
import { loadRunFile, parseOverride } from '../../../shared/config/parse-run-file.ts';
import { fileSource } from '../../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../../shared/tensors/safetensors.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const committed = (name: string) => fileURLToPath(new URL(`../../../examples/topics/${name}`, import.meta.url));
const pretrained = committed('pretrained');

describe('the pre-trained BERT', () => {
  it('has the vocabulary and the shape that the script gives it', async () => {
    const folder = await temporaryFolder();
    await writeFreshBert(folder, pretrainingTexts('pre-training'), bert);
    const withoutHead = (content: object) =>
      'architectures' in content ? { ...content, architectures: ['BertModel'] } : content;
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      const read = async (from: string) => JSON.parse(await readFile(join(from, name), 'utf8'));
      expect(await read(pretrained)).toEqual(withoutHead(await read(folder)));
    }
  });

  it('is small', async () => {
    const sizes = await Promise.all((await readdir(pretrained)).map((name) => stat(join(pretrained, name))));
    expect(sizes.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(8_000_000);
  });

  it('brings its pooler along, and no head', async () => {
    const names = (await openSafetensors(await fileSource(join(pretrained, 'model.safetensors')))).names();
    expect(names.filter((name) => !name.startsWith('bert.'))).toEqual([]);
    expect(names).toContain('bert.pooler.dense.weight');
  });

  it.each([
    [96, 0.85, 0],
    [24, 0.55, 0.2],
  ])('learns the topics from %i texts, and better than a fresh one', async (samples, least, margin) => {
    const folder = await temporaryFolder();
    await writeFreshBert(join(folder, 'fresh'), pretrainingTexts('pre-training'), bert);
    const accuracy = async (model: string) => {
      const overrides = [
        `model.folder=${model}`,
        `dataset.samples=${samples}`,
        `output.folder=${folder}`,
        'balance=off',
      ];
      const settings = [...overrides, `output.name=${model.endsWith('fresh') ? 'of-fresh' : 'of-pretrained'}`];
      return (await train(await loadRunFile(committed('topics.yaml'), settings.map(parseOverride)))).last!;
    };
    const [fresh, better] = [await accuracy(join(folder, 'fresh')), await accuracy(pretrained)];
    expect(better).toBeGreaterThan(least);
    expect(better).toBeGreaterThan(fresh + margin);
  });
});
