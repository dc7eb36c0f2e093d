import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { bufferSource, fileSource } from '../../../shared/tensors/byte-source.ts';
import { openTorch } from '../../../shared/tensors/pickle/open-torch.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';

const open = async (name: string) => openTorch(await fileSource(fixturePath('pytorch', name)));
const refusal = (name: string) => open(name).then(String, (error) => `${error.name}: ${error.message}`);

interface Expected {
  readonly shape: readonly number[];
  readonly values: readonly number[] | null;
}

describe('tensors of a checkpoint', () => {
  it.each(['types.pt', 'types-protocol-5.pt', 'types-legacy.pt'])(
    '%s have the numbers that PyTorch has',
    async (name) => {
      const expected = await readJsonFixture<Record<string, Expected>>('pytorch', 'types.json');
      const file = await open(name);
      const missing = Object.keys(expected).filter((each) => !file.names().includes(each));
      expect(missing).toEqual(name === 'types-legacy.pt' ? ['uint16'] : []);
      for (const tensor of file.names()) {
        const { shape, values } = expected[tensor]!;
        expect(file.entry(tensor).shape, tensor).toEqual(shape);
        if (values === null) {
          await expect(file.read(tensor), tensor).rejects.toThrow('not a float type');
        } else {
          expect([...(await file.readFloat64(tensor)).data], tensor).toEqual(values);
          const from = Math.min(1, values.length);
          expect([...(await file.readElements(tensor, from, values.length))], tensor).toEqual(values.slice(from));
        }
      }
    },
  );

  it('complex numbers are read as pairs, in the type of their parts', async () => {
    const file = await open('types.pt');
    expect(file.entry('complex64')).toMatchObject({ dtype: 'C64', shape: [2, 3, 2] });
    expect(await file.readElements('complex64', 0, 4)).toBeInstanceOf(Float32Array);
    expect(await file.readElements('complex128', 0, 4)).toBeInstanceOf(Float64Array);
  });

  it('are the same whatever the order of their bytes', async () => {
    const [big, little] = [await open('big-endian.pt'), await open('little-endian.pt')];
    expect(await big.read('weight')).toEqual(await little.read('weight'));
    expect((await big.read('weight')).data.every((value) => Math.abs(value) > 0.01 && Math.abs(value) < 4)).toBe(true);
  });

  it.each(['halves.pt', 'halves-legacy.pt', 'halves-big-endian.pt'])(
    '%s: 16-bit floats are kept by their bits',
    async (name) => {
      const expected = await readJsonFixture<Record<string, { shape: number[]; bits: number[] }>>(
        'pytorch',
        'halves.json',
      );
      const file = await open(name);
      for (const [tensor, { shape, bits }] of Object.entries(expected)) {
        const stored = await file.readAsStored!(tensor);
        expect({ ...stored, data: [...stored.data] }, tensor).toEqual({
          shape,
          dtype: tensor.split('.')[0],
          data: bits,
        });
        if (bits.length > 0) expect(stored.data.buffer, tensor).toBeInstanceOf(SharedArrayBuffer);
      }
      if (name === 'halves-big-endian.pt') return;
      expect((await file.readAsStored!('float32')).data).toEqual((await file.read('float32')).data);
    },
  );

  it('one that is missing is named, with the nearest', async () => {
    const file = await open('fno1d.pt');
    expect(() => file.entry('fc0.weigth')).toThrow('has no tensor "fc0.weigth"\n  did you mean "fc0.weight"?');
  });

  it('are read by ranges: opening reads the directory, a tensor its own bytes', async () => {
    const bytes = await readFile(fixturePath('pytorch', 'training.pt'));
    const padded = bufferSource('training.pt', bytes);
    let read = 0;
    const file = await openTorch({
      ...padded,
      async read(start, end) {
        read += end - start;
        return padded.read(start, end);
      },
    });
    read = 0;
    await file.read('module.fc0.weight');
    expect(read).toBe(30 + 4 * 16 * 5);
  });
});

describe('the weights in a checkpoint', () => {
  it.each([
    ['training.pt', '`model_state_dict` are taken'],
    ['containers.pt', '`state_dict` are taken'],
    ['nested.pt', '`checkpoint.model.state_dict` are taken'],
    ['model-and-average.pt', '`model` are taken, not those under `ema`'],
  ])('of %s are found below the top, with a note', async (name, note) => {
    expect((await open(name)).notes).toEqual([expect.stringContaining(note)]);
  });

  it('at the top need no note', async () => {
    expect((await open('fno1d.pt')).notes).toEqual([]);
  });

  it.each([
    ['two-models.pt', "which one is the model's can't be told: `generator`, `critic`"],
    ['two-usual.pt', "which one is the model's can't be told: `model`, `state_dict`"],
    ['list.pt', 'holds a list and no tensors by name'],
    ['tensor.pt', 'holds a single tensor and no tensors by name'],
    ['nothing.pt', 'holds a dictionary and no tensors by name'],
  ])('of %s can not be told', async (name, message) => {
    expect(await refusal(name)).toContain(`UserError: ${fixturePath('pytorch', name)}: `);
    expect(await refusal(name)).toContain(message);
  });
});

describe('a file is refused by what it holds', () => {
  it.each([
    ['command.pt', 'asks for posix.system, which is no tensor or plain container; nothing of it was run'],
    ['command-legacy.pt', 'asks for posix.system'],
    ['command-0.pkl', 'byte 0 asks for posix.system'],
    ['command-2.pkl', 'asks for posix.system'],
    ['command-4.pkl', 'asks for posix.system'],
    ['module.pt', 'asks for torch.nn.modules.container.Sequential, which is a part of a whole pickled model'],
    ['module-legacy.pt', 'torch.save(model.state_dict(), "model.pt")'],
    ['program.pt', 'is a TorchScript program, not a state dict'],
    ['other-archive.pt', 'is a ZIP archive, but holds no data.pkl'],
    ['compressed.pt', 'its record little-endian/data.pkl is compressed'],
    ['too-large.pt', 'F32 [2000000000] needs 8000000000 bytes, but the whole file has'],
    ['types.json', 'is no file of PyTorch'],
    ['fno1d.safetensors', 'is a safetensors file under another name'],
  ])('%s', async (name, message) => {
    expect(await refusal(name)).toMatch(/^UserError: /);
    expect(await refusal(name)).toContain(message);
  });
});

/** All tensors of a file, or the name of the error. */
async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    const file = await openTorch(bufferSource('mutated.pt', bytes));
    for (const name of file.names()) await file.read(name).catch(asUserError);
    return 'read';
  } catch (error) {
    asUserError(error);
    return 'refused';
  }
}

function asUserError(error: unknown): void {
  if ((error as Error).name !== 'UserError') throw error;
}

describe('damaged files are read, or refused as such', () => {
  it.each([
    ['types.pt', 300],
    ['types-legacy.pt', 600],
    ['training.pt', 150],
  ] as const)('%s with bytes changed, cut out and doubled', async (name, times) => {
    const whole = await readFile(fixturePath('pytorch', name));
    const random = randomFor(5, name);
    const outcomes = new Map<string, number>();
    for (let time = 0; time < times; time++) {
      let bytes = Buffer.from(whole);
      const at = () => random.integer(bytes.length);
      const kind = random.integer(4);
      if (kind === 0) bytes = bytes.subarray(0, at());
      else if (kind === 1) for (let i = 0; i < 8; i++) bytes[at()] = random.integer(256);
      // Where objects and directory stand, most changes would otherwise only change numbers.
      else if (kind === 2) bytes[Math.floor(random.uniform() ** 3 * bytes.length)] = random.integer(256);
      else {
        const [from, to, into] = [at(), at(), at()];
        bytes = Buffer.concat([
          bytes.subarray(0, into),
          bytes.subarray(Math.min(from, to), Math.max(from, to)),
          bytes.subarray(into),
        ]);
      }
      const came = await outcome(bytes);
      outcomes.set(came, (outcomes.get(came) ?? 0) + 1);
    }
    expect([...outcomes.keys()].sort()).toEqual(['read', 'refused']);
  });

  it('cut off anywhere', async () => {
    const whole = await readFile(fixturePath('pytorch', 'little-endian.pt'));
    for (let length = 0; length < whole.length; length += 7)
      expect(await outcome(whole.subarray(0, length))).toBe('refused');
  });
});
