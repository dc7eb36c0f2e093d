import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import type { TextRows } from '../../../shared/datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../../shared/datasets/text/tokenizer.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { newAdapterConfig, usualLora, withLora } from '../../../shared/models/lora.ts';
import { writeTexts } from '../../../shared/training/workloads/write-texts.ts';
import { readEncoderFixture, writerFixtures } from '../../support/encoder-fixture.ts';
import { readJsonFixture } from '../../support/fixtures.ts';

type Fixture = Awaited<ReturnType<typeof readEncoderFixture>>;

/** A tokenizer that has read the texts of a fixture, and tells tokens by their numbers. */
function tokenizerOf({ inputs }: Fixture): TextTokenizer {
  const [ids, mask] = [inputs.get('inputIds')!, inputs.get('attentionMask')!];
  const [texts, tokens] = ids.shape as [number, number];
  const rows = Array.from({ length: texts }, (_, row) => {
    const of = (data: Int32Array) => data.subarray(row * tokens, (row + 1) * tokens);
    return of(ids.data).filter((_, at) => of(mask.data)[at] === 1);
  });
  const read = {
    encode: async (given: readonly string[]) => ({ ids: given.map((text) => rows[Number(text)]!), truncated: 0 }),
    decode: async (written: readonly number[]) => written.join(' '),
    padId: 0,
    specialIds: new Set(),
  };
  return read as unknown as TextTokenizer;
}

const rowsOf = (texts: readonly string[], targets?: readonly string[]): TextRows => ({
  kind: 'text',
  texts,
  rows: texts.map((_, index) => index + 1),
  unit: 'line',
  ...(targets && { targets }),
});

describe('greedy search', () => {
  it.each(writerFixtures)('of %s writes the words that it writes in transformers', async (name) => {
    const fixture = await readEncoderFixture(name, 'seq2seq');
    const expected = await readJsonFixture<{ seq2seq: { written: number[][] } }>('models', name, 'expected.json');
    const { texts, warnings } = await writeTexts({
      engine: await openEngine('onnx'),
      ...fixture,
      tokenizer: tokenizerOf(fixture),
      rows: rowsOf(['0', '1', '2']),
      batchSize: 2,
      maxTokens: 14,
      maxTargetTokens: 20,
    });
    expect(texts.map(({ written }) => written)).toEqual(expected.seq2seq.written.map((ids) => ids.join(' ')));
    expect(warnings).toEqual(['3 of 3 written texts end at 20 tokens']);
  });

  it('ends with the token that ends a text, and passes rows without a text over', async () => {
    const fixture = await readEncoderFixture('t5/t5-gated-tiny', 'seq2seq');
    const { model } = fixture;
    const options = {
      engine: await openEngine('wasm'),
      ...fixture,
      tokenizer: tokenizerOf(fixture),
      rows: rowsOf(['1', '', '2'], ['3 3 15', 'nothing', 'x']),
      batchSize: 4,
      maxTokens: 14,
      maxTargetTokens: 6,
    };
    // As if the third of the words that are written of the second text ended it.
    const ended = await writeTexts({ ...options, model: { ...model, writing: { ...model.writing!, end: 15 } } });
    expect(ended.texts).toEqual([
      { row: 1, written: '3 3 15', expected: '3 3 15' },
      { row: 2, written: null, expected: 'nothing' },
      { row: 3, written: '23 13 23 22 3 9', expected: 'x' },
    ]);
    const byFolder = await writeTexts({ ...options, generation: { ends: [15, 99] } });
    expect(byFolder.texts).toEqual(ended.texts);
    const begun = await writeTexts({ ...options, generation: { start: 5 } });
    expect(begun.texts[0]!.written).not.toBe(ended.texts[0]!.written);
    expect(ended.warnings).toEqual([
      'nothing is written of rows without a text: line 2',
      '1 of 2 written texts end at 6 tokens',
    ]);
    // An adapter that has learnt nothing writes as its base.
    const settings = { ...usualLora, dropout: 0.5, targets: ['q', 'v'], alsoTrained: [] } as const;
    const adapted = withLora(model, newAdapterConfig(model, 'base', settings));
    const parameters = new Map([...adapted.initialise(randomFor(1, 'adapter')), ...fixture.parameters]);
    const { texts } = await writeTexts({ ...options, model: adapted, parameters });
    expect(texts.map(({ written }) => written)).toEqual(['3 3 15 12 22 15', null, '23 13 23 22 3 9']);
    for (const [name, { data }] of parameters) if (name.includes('lora_B')) data.fill(0.5);
    const changed = await writeTexts({ ...options, model: { ...adapted }, parameters });
    expect(changed.texts[0]!.written).not.toBe(texts[0]!.written);
  });
});
