import { copyFile, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import { openWeights } from '../../shared/weights/open-weights.ts';
import { fixturePath } from '../support/fixtures.ts';
import { brainBytes, rawSafetensors } from '../support/safetensors.ts';
import { temporaryFolder } from '../support/small-run.ts';

const values = Float32Array.of(1.5, -2, 0.25, 3, 4, -8);
const dense = (name: string, shape = [2, 3]) => encodeSafetensors(new Map([[name, { shape, data: values }]]));
const shard = (index: number) => `model-0000${index}-of-00003.safetensors`;

async function sharded({ index = true } = {}) {
  const folder = await temporaryFolder();
  for (const number of [1, 2, 3]) await writeFile(join(folder, shard(number)), dense(`fc${number}.weight`));
  const map = Object.fromEntries([1, 2, 3].map((number) => [`fc${number}.weight`, shard(number)]));
  if (index) await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  return folder;
}

describe('a sharded checkpoint', () => {
  it.each([
    ['its index', { index: true }, 'model.safetensors.index.json'],
    ['its folder', { index: true }, ''],
    ['its folder, without an index', { index: false }, ''],
  ])('opens by %s', async (_, options, file) => {
    const opened = await openWeights(join(await sharded(options), file));
    expect(opened.format).toBe('sharded');
    expect(opened.layers.map(({ name }) => name)).toEqual(['fc1', 'fc2', 'fc3']);
    expect([...(await opened.read('fc2.weight')).data]).toEqual([...values]);
  });

  it('lists all shards that are missing', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, shard(2)), dense('fc2.weight'));
    await expect(openWeights(folder)).rejects.toThrow(`2 of 3 shards are missing: ${shard(1)}, ${shard(3)}`);
  });

  it('names the shard that is damaged', async () => {
    const folder = await sharded();
    await truncate(join(folder, shard(3)), 100);
    await expect(openWeights(folder)).rejects.toThrow(new RegExp(`${shard(3)}.*cut off`));
  });

  it('names a tensor that its shard lacks', async () => {
    const folder = await sharded();
    await writeFile(join(folder, shard(2)), dense('other.weight'));
    await expect(openWeights(folder)).rejects.toThrow(`${shard(2)}: has no tensor "fc2.weight", which the index says`);
  });

  it('says what is wrong with its index', async () => {
    const folder = await sharded();
    const index = join(folder, 'model.safetensors.index.json');
    await writeFile(index, '{"weights": {}}');
    await expect(openWeights(index)).rejects.toThrow(
      'is not the index of a sharded checkpoint:\n    weight_map: is missing',
    );
    await writeFile(index, '{');
    await expect(openWeights(index)).rejects.toThrow("can't be read as JSON");
    for (const outside of ['../model.safetensors', '/etc/model.safetensors', '..']) {
      await writeFile(index, JSON.stringify({ weight_map: { 'fc.weight': outside } }));
      await expect(openWeights(index)).rejects.toThrow(`names a shard that does not lie beside it: ${outside}`);
    }
  });
});

describe('weights', () => {
  it('are read from every float type, float64 without loss', async () => {
    const path = join(await temporaryFolder(), 'model.safetensors');
    const halves = Uint16Array.of(0x3e00, 0xc000, 0x3400, 0x4200, 0x4400, 0xc800);
    const precise = Float64Array.of(1 + 2 ** -40, 2, 3, 4, 5, 6);
    await writeFile(
      path,
      rawSafetensors({
        'd.weight': { dtype: 'F64', shape: [2, 3], bytes: new Uint8Array(precise.buffer) },
        's.weight': { dtype: 'F32', shape: [2, 3], bytes: new Uint8Array(values.buffer) },
        'h.weight': { dtype: 'F16', shape: [2, 3], bytes: new Uint8Array(halves.buffer) },
        'b.weight': { dtype: 'BF16', shape: [2, 3], bytes: brainBytes(values) },
      }),
    );
    const { read, layers } = await openWeights(path);
    expect(layers.map(({ precision }) => precision.bits)).toEqual([53, 24, 11, 8]);
    expect([...(await read('d.weight')).data]).toEqual([...precise]);
    for (const name of ['s', 'h', 'b']) expect([...(await read(`${name}.weight`)).data]).toEqual([...values]);
  });

  it('of PyTorch are read like those in safetensors, from a file, shards or a folder with what trained them beside', async () => {
    const [pickled, twin] = [fixturePath('pytorch', 'fno1d.pt'), fixturePath('pytorch', 'fno1d.safetensors')];
    const [here, there] = [await openWeights(pickled), await openWeights(twin)];
    expect(here.format).toBe('pytorch');
    const described = ({ layers }: typeof here) =>
      layers
        .map(({ name, kind, shape, size }) => ({ name, kind, shape, size }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(described(here)).toEqual(described(there));
    expect(await here.read('conv0.weights1')).toEqual(await there.read('conv0.weights1'));
    const rows = await here.openRows('fc1.weight');
    expect(await rows.read(3, 2)).toEqual(await (await there.openRows('fc1.weight')).read(3, 2));

    const shards = await openWeights(fixturePath('pytorch', 'shards'));
    expect(shards.format).toBe('sharded');
    expect([...(await shards.read('b.weight')).data]).toEqual([2, 2, 2, 2]);

    const folder = await temporaryFolder();
    await copyFile(pickled, join(folder, 'pytorch_model.bin'));
    await copyFile(pickled, join(folder, 'optimizer.pt'));
    await writeFile(join(folder, 'training_args.bin'), 'not read');
    expect((await openWeights(folder)).layers).toHaveLength(here.layers.length);
    await copyFile(twin, join(folder, 'model.safetensors'));
    expect((await openWeights(folder)).format).toBe('safetensors');
  });

  it('tell what of a checkpoint they are', async () => {
    const { notes, layers } = await openWeights(fixturePath('pytorch', 'training.pt'));
    expect(notes).toEqual([expect.stringContaining('the tensors under `model_state_dict` are taken')]);
    expect(layers.map(({ name }) => name)).toContain('module.conv0');
  });

  it('are refused with a reason when they are no checkpoint', async () => {
    const folder = await temporaryFolder();
    await expect(openWeights(folder)).rejects.toThrow('is an empty folder');
    await expect(openWeights(join(folder, 'nothing'))).rejects.toThrow('there is no such file or folder');
    await writeFile(join(folder, 'pytorch_model.bin'), 'PK');
    await expect(openWeights(folder)).rejects.toThrow('pytorch_model.bin: is no file of PyTorch');
    await rm(join(folder, 'pytorch_model.bin'));
    await writeFile(join(folder, 'notes.txt'), 'hello');
    await expect(openWeights(join(folder, 'notes.txt'))).rejects.toThrow('is not a checkpoint');
    await writeFile(
      join(folder, 'model.safetensors'),
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
    );
    await expect(openWeights(folder)).rejects.toThrow('git lfs pull');
    await writeFile(join(folder, 'model.safetensors'), dense('bias', [6]));
    await expect(openWeights(folder)).rejects.toThrow("none of its 1 tensors is a layer's weight");
    await expect(openWeights(folder, { base: 'x' })).rejects.toThrow('is not an adapter, so it has no base');
  });

  it('of several files without an index have to be chosen', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.safetensors'), dense('fc.weight'));
    expect((await openWeights(folder)).layers).toHaveLength(1);
    await writeFile(join(folder, 'b.safetensors'), dense('fc.weight'));
    await expect(openWeights(folder)).rejects.toThrow(
      'holds 2 safetensors files and no index: a.safetensors, b.safetensors',
    );
  });
});

describe('the rows of a weight', () => {
  it.each([
    ['of an adapter on its base', fixturePath('models', 'roberta-tiny-lora')],
    ['of a plain checkpoint', fixturePath('models', 'roberta-tiny')],
  ])('%s are those of the whole', async (_, path) => {
    const { layers, read, openRows } = await openWeights(path);
    const name = layers.find(({ matrix }) => matrix !== 'BA')!.weights[0]!;
    const whole = await read(name);
    const { rows, columns, read: readRows } = await openRows(name);
    expect([rows, columns]).toEqual(whole.shape);
    expect(await readRows(3, 5)).toEqual(whole.data.slice(3 * columns, 8 * columns));
  });

  it('of an adapter on a base stored [in, out] are too', async () => {
    const [folder, base] = [await temporaryFolder(), await temporaryFolder()];
    const factor = (seed: number, shape: number[]) => ({
      dtype: 'F32',
      shape,
      bytes: new Uint8Array(
        Float32Array.from({ length: shape[0]! * shape[1]! }, (_, at) => Math.sin(seed + at)).buffer,
      ),
    });
    const key = 'base_model.model.h.0.c_attn';
    await writeFile(
      join(folder, 'adapter_model.safetensors'),
      rawSafetensors({ [`${key}.lora_A.weight`]: factor(1, [2, 7]), [`${key}.lora_B.weight`]: factor(2, [5, 2]) }),
    );
    const config = { peft_type: 'LORA', r: 2, lora_alpha: 4, fan_in_fan_out: true };
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config));
    await writeFile(join(base, 'model.safetensors'), rawSafetensors({ 'h.0.c_attn.weight': factor(3, [7, 5]) }));
    const { read, openRows } = await openWeights(folder, { base });
    const whole = await read('h.0.c_attn.weight');
    const rows = await openRows('h.0.c_attn.weight');
    expect(await rows.read(2, 4)).toEqual(whole.data.slice(2 * 5, 6 * 5));
  });
});

describe('an adapter', () => {
  const lora = fixturePath('models', 'roberta-tiny-lora');
  const copyAdapter = async (changes: object = {}) => {
    const folder = await temporaryFolder();
    await copyFile(join(lora, 'adapter_model.safetensors'), join(folder, 'adapter_model.safetensors'));
    const config = { peft_type: 'LORA', r: 4, lora_alpha: 8, base_model_name_or_path: 'roberta-base', ...changes };
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config));
    return folder;
  };

  it('gives its layers with the base it names, and alone', async () => {
    const { layers, notes } = await openWeights(lora);
    expect(layers).toHaveLength(8);
    expect(layers[0]).toMatchObject({ name: 'roberta.encoder.layer.0.attention.self.query', matrix: 'W + scale * BA' });
    expect(layers[4]).toMatchObject({ matrix: 'BA', shape: [32, 32] });
    expect(notes.join()).toContain('its scale (2)');
  });

  it('gives BA alone where the base is not here, and says how to give it', async () => {
    const folder = await copyAdapter();
    const { layers, notes } = await openWeights(folder);
    expect(layers.every(({ matrix }) => matrix === 'BA')).toBe(true);
    expect(notes[0]).toBe(
      'its base, roberta-base, is not a folder here, so BA is analysed alone; --base <folder> adds W + scale * BA',
    );
    expect((await openWeights(folder, { base: fixturePath('models', 'roberta-tiny') })).layers).toHaveLength(8);
  });

  it.each([
    [{}, 2],
    [{ use_rslora: true }, 4],
    [{ alpha_pattern: { query: 6 }, rank_pattern: { query: 3 } }, 2],
    [{ alpha_pattern: { query: 12, value: 12 } }, 3],
    [{ alpha_pattern: { 'layer\\.\\d+\\..*(query|value)': 12 } }, 3],
  ])('scales its update as its configuration %j says', async (changes, scale) => {
    const { notes } = await openWeights(await copyAdapter(changes));
    expect(notes.at(-1)).toContain(`its scale (${scale})`);
  });

  it.each([
    [{ peft_type: 'IA3' }, 'is an adapter of the kind IA3; only LoRA adapters are supported'],
    [{ peft_type: 'PREFIX_TUNING', r: undefined }, 'is an adapter of the kind PREFIX_TUNING'],
    [{ use_dora: true }, 'is a DoRA adapter'],
    [{ alora_invocation_tokens: [5, 6] }, 'is an aLoRA adapter'],
    [{ init_lora_weights: 'pissa_niter_4' }, 'is an adapter that changed its base when it was begun'],
    [{ init_lora_weights: 'olora' }, 'is an adapter that changed its base when it was begun'],
    [
      { r: undefined, lora_alpha: '8' },
      'is not the configuration of a PEFT adapter:\n    r: is missing. It must be a number.\n    lora_alpha: is text ("8"). It must be a number.',
    ],
  ])('is refused where its configuration %j is of another kind', async (changes, message) => {
    await expect(openWeights(await copyAdapter(changes))).rejects.toThrow(message);
  });

  it('is refused with a base it does not fit', async () => {
    const base = await temporaryFolder();
    await writeFile(join(base, 'model.safetensors'), dense('fc.weight'));
    await expect(openWeights(lora, { base })).rejects.toThrow(
      'has no weight of roberta.encoder.layer.0.attention.self.query',
    );
    const name = 'encoder.layer.0.attention.self.query.weight';
    await mkdir(join(base, 'sub'));
    await writeFile(join(base, 'sub', 'model.safetensors'), dense(name));
    await expect(openWeights(lora, { base: join(base, 'sub') })).rejects.toThrow(
      `tensor "${name}" is [2, 3], but the adapter's update of it is [32, 32]`,
    );
  });
});

it('says of models with a head over the tokens alone that it shares the weight of their embedding', async () => {
  const notesOf = async (architectures: string[] | undefined, weight: string) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'model.safetensors'), dense(weight));
    await writeFile(join(folder, 'config.json'), JSON.stringify({ tie_word_embeddings: true, architectures }));
    return (await openWeights(folder)).notes.join();
  };
  const tied = 'the output head shares the weight of the token embedding';
  expect(await notesOf(['BertForMaskedLM'], 'fc.weight')).toContain(tied);
  expect(await notesOf(['GPT2LMHeadModel'], 'fc.weight')).toContain(tied);
  expect(await notesOf(undefined, 'fc.weight')).toContain(tied);
  expect(await notesOf(['BertForSequenceClassification'], 'classifier.weight')).toBe('');
  expect(await notesOf(undefined, 'classifier.weight')).toBe('');
});
