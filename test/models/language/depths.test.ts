import { expect, it } from 'vitest';
import { blockCount, depthsOf } from '../../../shared/models/language/depths.ts';

it('counts from the top: 0 above the blocks, 1 in the last, one more than there are below them', () => {
  const names = ['wte', 'wpe', 'h.0.ln_1', 'h.0.mlp', 'h.1.ln_1', 'h.2.mlp', 'ln_f', 'lm_head'];
  expect(depthsOf(names)).toEqual([4, 4, 3, 3, 2, 1, 0, 0]);
  expect(blockCount(names)).toBe(3);
});

it('tells blocks by their whole numbers', () => {
  const names = Array.from({ length: 12 }, (_, block) => `layer.${block}.dense`);
  expect(depthsOf(['table', ...names])).toEqual([13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
});

it('knows no depths where there are no blocks', () => {
  expect(depthsOf(['fc0', 'conv0', 'w0'])).toEqual([undefined, undefined, undefined]);
  expect(blockCount(['fc0', 'conv0', 'w0'])).toBe(0);
});

it('puts the decoder of an encoder-decoder above its encoder', () => {
  const names = [
    'shared',
    'encoder.block.0.q',
    'encoder.block.1.q',
    'encoder.norm',
    'decoder.block.0.q',
    'decoder.norm',
    'head',
  ];
  expect(depthsOf(names)).toEqual([4, 3, 2, 2, 1, 0, 0]);
  expect(blockCount(names)).toBe(3);
  expect(depthsOf(['bert.words', 'bert.encoder.layer.0.q', 'bert.encoder.layer.1.q', 'bert.pooler'])).toEqual([
    3, 2, 1, 0,
  ]);
});
