import { expect, it } from 'vitest';
import { encodeConfig } from '../../../shared/models/hugging-face/config-text.ts';

it('writes whole numbers as floats where transformers takes nothing else', () => {
  const config = { hidden_size: 16, initializer_cutoff_factor: 2, layer_norm_eps: 1e-7, rope: { norm_eps: 1 } };
  const text = new TextDecoder().decode(encodeConfig(config));
  expect(text).toContain('"initializer_cutoff_factor": 2.0,');
  expect(text).toContain('"norm_eps": 1.0\n');
  expect(text).toContain('"hidden_size": 16,');
  expect(JSON.parse(text)).toEqual(config);
});
