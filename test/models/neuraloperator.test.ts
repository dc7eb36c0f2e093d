import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runOnce } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { readPretrained } from '../../shared/models/pretrained.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/small-run.ts';

const file = (name: string) => fixturePath('models', 'neuraloperator', `${name}.safetensors`);
const tensorsOf = async (name: string) => (await openSafetensors(await fileSource(file(name)))).readAll();

const cases = [
  { family: 'fno1d', modes: 5, space: [16] },
  { family: 'fno2d', modes: 3, space: [12, 10] },
] as const;
const modelOf = ({ family, modes, space }: (typeof cases)[number]) =>
  buildModel(fieldModelSchema.parse({ family, modes, width: 5, projection: 7, padding: 0 }), {
    kind: 'trajectories',
    space,
    channels: 1,
    window: 2,
  });

describe.each(cases)('weights of neuraloperator, $family', (which) => {
  it.each(availableEngines())('give what neuraloperator computes, on %s', async (engineName) => {
    const model = modelOf(which);
    const engine = await openEngine(engineName);
    const notes: string[] = [];
    const parameters = await readPretrained(file(which.family), model, { tell: (note) => notes.push(note) });
    const run = await tensorsOf(`${which.family}-run`);
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/given': given, '/grid': grid, ...values } }) => ({
        results: { '/out': model.forward(tf, values, grid!)(given!) },
      }),
      new Map([...parameters, ['/given', run.get('given')!], ['/grid', run.get('grid')!]]),
    );
    const [found, expected] = [results.get('/out')!.data, run.get('out')!.data];
    expect(found.length).toBe(expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    for (const [index, value] of expected.entries())
      expect(Math.abs(found[index]! - value) / largest).toBeLessThan(3e-6);
    expect(notes).toEqual([expect.stringMatching(/has neuraloperator's names.*model.padding 0/)]);
  });
});

describe('an FNO of neuraloperator that ours is not', () => {
  const [first] = cases;
  const refusal = async (change: (tensors: Map<string, HostTensor>) => void): Promise<string> => {
    const tensors = await tensorsOf('fno1d');
    change(tensors);
    const path = join(await temporaryFolder(), 'other.safetensors');
    await writeFile(path, encodeSafetensors(tensors));
    return readPretrained(path, modelOf(first)).then(String, (error) => `${error.name}: ${error.message}`);
  };
  const zeros = (...shape: number[]): HostTensor => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
  });

  it.each<[message: string, changed: Record<string, number[]>]>([
    [
      'its lifting has a hidden layer of 9 (lifting.fcs.0.weight)',
      { 'lifting.fcs.0.weight': [9, 3, 1], 'lifting.fcs.1.weight': [5, 9, 1] },
    ],
    ['a perceptron of two layers after each Fourier layer', { 'fno_blocks.channel_mlp.0.fcs.0.weight': [3, 5, 1] }],
    ['has norms in its Fourier layers', { 'fno_blocks.norm.0.weight': [5] }],
    ['factorised (fno_blocks.convs.0.weight.core)', { 'fno_blocks.convs.0.weight.core': [2, 2, 2, 2] }],
    ['no pointwise layer', { 'fno_blocks.fno_skips.0.weight': [1, 5, 1] }],
    ['no pointwise layer', { 'fno_blocks.fno_skips.0.weight': [5, 5, 3] }],
    ['it has 5 Fourier layers: ours has 4', { 'fno_blocks.convs.weight.4.tensor': [5, 5, 5, 2] }],
    ['another number of space axes, or is separable', { 'fno_blocks.convs.weight.0.tensor': [5, 5, 6, 3, 2] }],
  ])('is refused by what differs: %s', async (message, changed) => {
    const error = await refusal((tensors) => {
      for (const [name, shape] of Object.entries(changed)) tensors.set(name, zeros(...shape));
    });
    expect(error).toMatch(/^UserError: .*holds an FNO of neuraloperator's that is not the one of this model:/);
    expect(error).toContain(message);
    expect(error).not.toContain('Set the `model` section');
  });

  it('in sizes alone is told by our names', async () => {
    const error = await refusal((tensors) => tensors.set('lifting.fcs.0.weight', zeros(5, 4, 1)));
    expect(error).toContain('mis-shaped  fc0.weight: the file has [5, 4], the model needs [5, 3]');
  });

  it('or has a tensor too many or too few is told so', async () => {
    const error = await refusal((tensors) => {
      tensors.delete('projection.fcs.1.bias');
      tensors.set('extra', zeros(2));
    });
    expect(error).toContain('missing     fc2.bias [1]');
    expect(error).toContain('unexpected  extra [2]');
  });
});
