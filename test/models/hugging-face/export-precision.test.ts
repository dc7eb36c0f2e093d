import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRunFile } from '../../../shared/config/parse-run-file.ts';
import { randomFor } from '../../../shared/core/random.ts';
import {
  BeyondRangeError,
  exportDtypeOf,
  inDtype,
  readInDtype,
  withDtype,
} from '../../../shared/models/hugging-face/export-precision.ts';
import { huggingFaceFiles, readHuggingFace } from '../../../shared/models/hugging-face/folder.ts';
import { fileSource } from '../../../shared/tensors/byte-source.ts';
import { narrowed, widened } from '../../../shared/tensors/elements.ts';
import { openTensors } from '../../../shared/tensors/open-tensors.ts';
import { encodeSafetensors, openSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { HalfTensor, HostTensor } from '../../../shared/tensors/tensor.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const tensor = (...values: number[]): HostTensor => ({ shape: [values.length], data: Float32Array.from(values) });
const bitsIn = (values: readonly number[], dtype: HalfTensor['dtype']) =>
  [...inDtype([['x', tensor(...values)]], dtype).get('x')!.data].map((bits) => bits.toString(16));

describe('weights in 16 bits', () => {
  // torch.tensor([...]).to(dtype).view(torch.int16), torch 2.13: ties, the smallest and largest numbers, signs.
  const values = [
    1,
    1.00048828125,
    1.00146484375,
    -0.1,
    3e-8,
    2.98e-8,
    65519,
    -0,
    Number.POSITIVE_INFINITY,
    1.00390625,
    1.01171875,
  ];

  it('are rounded as by PyTorch', () => {
    expect(bitsIn(values, 'float16')).toEqual('3c00 3c00 3c02 ae66 1 0 7bff 8000 7c00 3c04 3c0c'.split(' '));
    expect(bitsIn(values, 'bfloat16')).toEqual('3f80 3f80 3f80 bdcd 3301 3300 4780 8000 7f80 3f80 3f82'.split(' '));
  });

  it('keep what is no number, and refuse values beyond their range by the names of the tensors', () => {
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const kept = inDtype([['x', tensor(Number.NaN, Number.NEGATIVE_INFINITY)]], dtype).get('x') as HalfTensor;
      expect([...widened(kept).data]).toEqual([Number.NaN, Number.NEGATIVE_INFINITY]);
    }
    const tensors = new Map([
      ['fine', tensor(65519)],
      ['a.weight', tensor(1, -70000, 66000)],
      ['b.weight', tensor(1e30)],
    ]);
    const inHalf = () => inDtype(tensors, 'float16');
    expect(inHalf).toThrow(BeyondRangeError);
    expect(inHalf).toThrow(
      'values beyond float16, whose largest is 65504, in a.weight (7.000e+4), b.weight (1.000e+30)\n  Write bfloat16',
    );
    expect(inDtype(tensors, 'bfloat16').size).toBe(3);
    expect(() => inDtype([['x', tensor(3.4028234e38)]], 'bfloat16')).toThrow('values beyond bfloat16');
  });

  it('are the same whether they are in memory or read one at a time', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    const tensors = new Map([
      ['a', tensor(1.1, 2.2)],
      ['b', tensor(3.3)],
    ]);
    await writeFile(path, encodeSafetensors(tensors));

    const file = await openSafetensors(await fileSource(path));
    expect(await readInDtype(file, 'bfloat16')).toEqual(inDtype(tensors, 'bfloat16'));
    expect(await readInDtype(file, 'float32')).toEqual(tensors);
  });
});

it('an exported folder has the dtype in config.json and in every tensor, and is read as those numbers', async () => {
  const from = await readHuggingFace(fixturePath('models', 'llama-tiny'), {
    task: 'causal-lm',
    random: randomFor(1, 'head'),
  });
  const folder = await temporaryFolder();
  const config = { ...from.config, torch_dtype: 'float32' };
  for (const [name, bytes] of huggingFaceFiles({ ...from, config }, from.parameters, 'bfloat16')) {
    await writeFile(join(folder, name), bytes);
  }
  const store = await openTensors(folder);
  expect([...new Set(store.names().map((name) => store.entry(name).dtype))]).toEqual(['BF16']);
  const read = await readHuggingFace(folder, { task: 'causal-lm', random: randomFor(1, 'head') });
  expect(read.config).toMatchObject({ dtype: 'bfloat16' });
  expect(read.config).not.toHaveProperty('torch_dtype');
  for (const [name, value] of from.parameters) {
    expect(read.parameters.get(name)).toEqual(widened(narrowed(value, 'bfloat16')));
  }
});

describe('the setting', () => {
  it('auto is what the configuration names, in either form, and float32 where that is none of the three', () => {
    expect(exportDtypeOf('auto', { dtype: 'bfloat16', torch_dtype: 'float16' })).toBe('bfloat16');
    expect(exportDtypeOf('auto', { torch_dtype: 'torch.float16' })).toBe('float16');
    for (const config of [{}, { dtype: 'float64' }, { dtype: null }])
      expect(exportDtypeOf('auto', config)).toBe('float32');
    expect(exportDtypeOf('float16', { dtype: 'bfloat16' })).toBe('float16');
  });

  it('leaves a configuration of float32 as it is', () => {
    expect(withDtype({ torch_dtype: 'float32' }, 'float32')).toEqual({ torch_dtype: 'float32' });
  });

  it('is of language models', () => {
    const run = `
model: { family: fno1d, modes: 4, width: 8 }
dataset: { format: pdebench, path: x.hdf5, window: 4 }
output: { dtype: bfloat16 }
`;
    expect(() => parseRunFile(run, 'run.yaml')).toThrow(
      /run\.yaml:4:\d+ +output\.dtype: is of language models; the weights of fno1d are written in float32/,
    );
  });
});
