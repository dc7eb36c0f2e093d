import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { type PretrainedOptions, readPretrained } from '../../shared/models/pretrained.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';
import { fixturePath } from '../support/fixtures.ts';
import { rawSafetensors } from '../support/safetensors.ts';
import { temporaryFolder } from '../support/small-run.ts';

const model = (window = 4, channels = 1) =>
  buildModel(fieldModelSchema.parse({ family: 'fno1d', modes: 4, width: 16, projection: 16 }), {
    kind: 'trajectories',
    space: [16],
    channels,
    window,
  });
const path = (name: string) => fixturePath('pytorch', name);
const twin = async () => (await openSafetensors(await fileSource(path('fno1d.safetensors')))).readAll();
const read = async (file: string, options: PretrainedOptions = {}, of = model()) => {
  const notes: string[] = [];
  const values = await readPretrained(file, of, { ...options, tell: (note) => notes.push(note) });
  return { values: new Map([...values].sort()), notes };
};
const refusal = (file: string, of = model()): Promise<string> =>
  readPretrained(file, of).then(String, (error) => `${error.name}: ${error.message}`);
const sorted = (tensors: ReadonlyMap<string, HostTensor>) => new Map([...tensors].sort());

/** A file with the twin's tensors as `change` leaves them. */
async function changed(change: (tensors: Map<string, HostTensor>) => Iterable<[string, HostTensor]> | undefined) {
  const tensors = await twin();
  const file = join(await temporaryFolder(), 'changed.safetensors');
  await writeFile(file, encodeSafetensors(new Map(change(tensors) ?? tensors)));
  return file;
}
const prefixed = (prefix: string) =>
  changed((tensors) => [...tensors].map(([name, tensor]) => [prefix + name, tensor]));

describe('weights of a model of fields', () => {
  it('out of a checkpoint of PyTorch are those of its twin in safetensors', async () => {
    const expected = sorted(await twin());
    expect(await read(path('fno1d.pt'))).toEqual({ values: expected, notes: [] });
    const training = await read(path('training.pt'));
    expect(training.values).toEqual(expected);
    expect(training.notes).toEqual([
      `of ${path('training.pt')}, the tensors under \`model_state_dict\` are taken`,
      `the names in ${path('training.pt')} all begin with \`module.\`, which is left out`,
    ]);
  });

  it('may be complex in safetensors', async () => {
    const file = join(await temporaryFolder(), 'complex.safetensors');
    const entries = [...(await twin())].map(([name, { shape, data }]) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const isComplex = name.startsWith('conv');
      return [name, isComplex ? { dtype: 'C64', shape: shape.slice(0, -1), bytes } : { dtype: 'F32', shape, bytes }];
    });
    await writeFile(file, rawSafetensors(Object.fromEntries(entries)));
    expect(await read(file)).toEqual({ values: sorted(await twin()), notes: [] });
  });

  it.each(['module.', '_orig_mod.', 'model.', 'module._orig_mod.'])(
    'may have names that all begin with %s',
    async (prefix) => {
      const { values, notes } = await read(await prefixed(prefix));
      expect(values).toEqual(sorted(await twin()));
      expect(notes).toHaveLength(prefix.split('.').length - 1);
    },
  );

  it('keep a prefix that only some names have', async () => {
    const file = await changed((tensors) =>
      [...tensors].map(([name, tensor], at) => [at ? `module.${name}` : name, tensor]),
    );
    expect(await refusal(file)).toContain('unexpected  module.');
  });

  it('may come with counts of batch norms', async () => {
    const count = { shape: [], data: Float32Array.of(3) };
    const file = await changed((tensors) => [...tensors, ['norm.num_batches_tracked', count]]);
    expect((await read(file)).values).toEqual(sorted(await twin()));
  });
});

describe('a fresh head', () => {
  it('is drawn from the seed, and the body is kept', async () => {
    const other = model(2, 3);
    const drawn = other.initialise(randomFor(1, 'initialise'));
    const { values, notes } = await read(path('fno1d.pt'), { freshHead: () => drawn }, other);
    const body = await twin();
    expect(other.head).toEqual(['fc0', 'fc2']);
    for (const { name, shape, layer } of other.parameters) {
      const isHead = layer === 'fc0' || layer === 'fc2';
      expect(values.get(name), name).toEqual((isHead ? drawn : body).get(name));
      expect(values.get(name)!.shape, name).toEqual(shape);
    }
    expect(notes).toEqual([
      `model.head: fresh, so fc0 and fc2 were drawn from the seed, in place of ${path('fno1d.pt')}'s`,
    ]);
  });

  it('needs nothing of the file', async () => {
    const file = await changed((tensors) => [...tensors].filter(([name]) => !/^fc[02]/.test(name)));
    const drawn = model().initialise(randomFor(1, 'initialise'));
    const { values } = await read(file, { freshHead: () => drawn });
    expect(values.get('fc0.weight')).toEqual(drawn.get('fc0.weight'));
    expect(values.get('fc1.weight')).toEqual((await twin()).get('fc1.weight'));
  });

  it('is what is advised where lift and last layer alone are of other shapes', async () => {
    const error = await refusal(path('fno1d.pt'), model(2, 3));
    expect(error).toContain('mis-shaped  fc0.weight: the file has [16, 5], the model needs [16, 7]');
    expect(error).toContain('set model.head to fresh, which draws fc0 and fc2 from the seed and keeps the rest');
  });
});

describe('weights that do not fit', () => {
  const zeros = (...shape: number[]): HostTensor => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
  });

  it('in the body are of another architecture', async () => {
    const file = await changed((tensors) => void tensors.set('fc1.weight', zeros(8, 16)));
    expect(await refusal(file)).toContain(
      'Set the `model` section to the architecture these weights were trained with',
    );
  });

  it('real where complex ones are needed, or the other way round, are told so', async () => {
    const file = await changed((tensors) => void tensors.set('conv0.weights1', zeros(16, 16, 4)));
    expect(await refusal(file)).toContain(
      'the file has [16, 16, 4] of real numbers, the model needs [16, 16, 4, 2] of complex ones, parts as the last axis',
    );
    const complex = join(await temporaryFolder(), 'a.safetensors');
    await writeFile(complex, rawSafetensors({ 'fc1.bias': { dtype: 'C64', shape: [16], bytes: new Uint8Array(128) } }));
    expect(await refusal(complex)).toContain(
      'the file has [16, 2] of complex numbers (C64, parts as the last axis), the model needs [16] of real ones',
    );
  });

  it('by any name are of another model', async () => {
    const file = await changed(() => [['other.weight', zeros(2)]]);
    expect(await refusal(file)).toContain("None of the file's tensors is named as one of this model's");
  });

  it('or are not there are told with the setting', async () => {
    expect(await refusal('nowhere.pt')).toMatch(
      /^UserError: nowhere.pt: there is no such file or folder\n {2}Check `model.weights` in the run file.$/,
    );
  });
});
