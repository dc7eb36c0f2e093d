import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { readPretrained } from '../../shared/models/pretrained.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrained-'));
});
afterAll(() => rm(folder, { recursive: true }));

const modelOf = (settings: object, space: readonly number[]) =>
  buildModel(fieldModelSchema.parse({ width: 4, modes: 2, ...settings }), {
    kind: 'trajectories',
    space,
    channels: 1,
    window: 1,
  });

async function stored(tensors: Iterable<readonly [string, HostTensor]>): Promise<string> {
  const path = join(folder, 'weights.safetensors');
  await writeFile(path, encodeSafetensors(new Map(tensors)));
  return path;
}

describe('pre-trained weights of an operator', () => {
  it("may have what PDEBench's FNO3d holds besides and does not compute with", async () => {
    const model = modelOf({ family: 'fno3d', blocks: 4 }, [4, 4, 4]);
    const values = model.initialise(randomFor(1, 'initialise'));
    const norm: HostTensor = { shape: [4], data: new Float32Array(4) };
    const path = await stored([...values, ['bn0.weight', norm], ['bn3.running_var', norm]]);
    expect(await readPretrained(path, model)).toEqual(values);
    const other = await stored([...values, ['bn4.weight', norm]]);
    await expect(readPretrained(other, model)).rejects.toThrow(/unexpected {2}bn4\.weight/);
  });

  it("may lack biases of neuraloperator's pointwise layers, which are zero then, and nothing else", async () => {
    const model = modelOf({ family: 'neuralop-fno', blocks: 1 }, [6, 6]);
    const values = model.initialise(randomFor(1, 'initialise'));
    const without = (...names: string[]) => [...values].filter(([name]) => !names.includes(name));
    const bias = 'fno_blocks.channel_mlp.0.fcs.1.bias';
    const notes: string[] = [];
    const path = await stored(without(bias));
    const read = await readPretrained(path, model, { tell: (note) => notes.push(note) });
    expect(notes).toEqual([`${path} has no ${bias}: taken as zeros`]);
    expect([...read]).toEqual(
      [...values].map(([name, tensor]) => [name, name === bias ? { shape: [4], data: new Float32Array(4) } : tensor]),
    );
    await expect(readPretrained(await stored(without('fno_blocks.convs.0.bias')), model)).rejects.toThrow(
      /missing {5}fno_blocks\.convs\.0\.bias \[4, 1, 1\]/,
    );
  });

  it.each([
    ['fno1d', { modes: 2 }],
    ['neuralop-fno', { modes: 2 }],
    ['tfno', { modes: 2, rank: 0.5 }],
    ['deeponet', {}],
  ])(
    'of %s serve for other channels and another window with a fresh head, and the rest is kept',
    async (family, more) => {
      const build = (channels: number, window: number) =>
        buildModel(fieldModelSchema.parse({ family, width: 4, ...more }), {
          kind: 'trajectories',
          space: [8],
          channels,
          window,
        });
      const [before, after] = [build(1, 1), build(2, 3)];
      const values = before.initialise(randomFor(1, 'initialise'));
      const fresh = after.initialise(randomFor(2, 'initialise'));
      const read = await readPretrained(await stored(values), after, { freshHead: () => fresh });
      for (const { name, shape, layer } of after.parameters) {
        expect(read.get(name)!.shape).toEqual(shape);
        expect(read.get(name), name).toEqual((after.head!.includes(layer!) ? fresh : values).get(name));
      }
    },
  );
});
