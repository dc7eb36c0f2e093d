import { beforeAll, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { joinRows, packRows, placesInRows } from '../../../shared/datasets/text/packing.ts';
import type { Engine } from '../../../shared/engines/engine.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { ignoredLabel } from '../../../shared/models/blocks/cross-entropy.ts';
import { modelOf } from '../../../shared/models/hugging-face/config.ts';
import { newAdapterConfig, usualLora, withLora } from '../../../shared/models/lora.ts';
import type { HostTensor, HostTensors, MixedTensors } from '../../../shared/tensors/tensor.ts';
import { decoderFixtures, readDecoderFixture } from '../../support/decoder-fixture.ts';
import { gradientsOn, largestDifference, norm } from '../../support/language-step.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('onnx');
});

/** The texts of a padded batch in two rows, and where each of its tokens has gone. */
function packed(inputs: MixedTensors): { inputs: MixedTensors; placeOf: ReadonlyMap<number, number> } {
  const [ids, mask] = [inputs.get('inputIds')!, inputs.get('attentionMask')!];
  const [count, tokens] = ids.shape as [number, number];
  const texts = Array.from({ length: count }, (_, text) => {
    const length = Array.from(mask.data.subarray(text * tokens, (text + 1) * tokens)).filter((one) => one === 1).length;
    return Int32Array.from(ids.data.subarray(text * tokens, text * tokens + length));
  });
  const rows = packRows(
    texts.map(({ length }) => length),
    20,
  );
  expect(rows).toEqual([[0, 1], [2]]);
  const joined = joinRows({ ids: texts }, rows);
  // Longer than all rows: both have padding.
  const length = 22;
  const shape = [rows.length, length];
  const tensor = (data: Int32Array): HostTensor<Int32Array> => ({ shape, data });
  const inRows = { ids: new Int32Array(44), mask: new Int32Array(44), labels: new Int32Array(44).fill(ignoredLabel) };
  const placeOf = new Map<number, number>();
  for (const [row, list] of rows.entries()) {
    inRows.ids.set(joined.ids[row]!, row * length);
    inRows.mask.fill(1, row * length, row * length + joined.ids[row]!.length);
    inRows.labels.set(joined.ids[row]!, row * length);
    for (const [number, text] of list.entries()) {
      const start = row * length + joined.starts[row]![number]!;
      inRows.labels[start] = ignoredLabel;
      for (let at = 0; at < texts[text]!.length; at++) placeOf.set(text * tokens + at, start + at);
    }
  }
  const { segments, positions } = placesInRows(joined, [0, 1], length);
  const tensors = Object.entries({ segments, positions, inputIds: inRows.ids, attentionMask: inRows.mask });
  return {
    inputs: new Map([...tensors, ['labels', inRows.labels] as const].map(([name, data]) => [name, tensor(data)])),
    placeOf,
  };
}

const isGradient = (name: string) => name !== 'logits' && name !== 'loss';

/** That logits of each token, loss and gradients of texts in shared rows are those of rows of their own. */
function expectSame(found: HostTensors, apart: HostTensors, placeOf: ReadonlyMap<number, number>): void {
  const [logits, expected] = [found.get('logits')!, apart.get('logits')!];
  const size = logits.shape.at(-1)!;
  const rowsOf = (data: Float32Array, at: number) => data.subarray(at * size, (at + 1) * size);
  for (const [from, to] of placeOf) {
    expect(largestDifference(rowsOf(logits.data, to), rowsOf(expected.data, from))).toBeLessThan(1e-5);
  }
  expect(Math.abs(found.get('loss')!.data[0]! - apart.get('loss')!.data[0]!)).toBeLessThan(2e-6);
  for (const [name, { data }] of apart) {
    if (!isGradient(name)) continue;
    const difference = largestDifference(found.get(name)!.data, data);
    expect(difference, name).toBeLessThan(Math.max(3e-5 * norm(data), 1e-6));
  }
}

it.each(decoderFixtures)(
  '%s computes of texts in shared rows what transformers does of each by itself',
  async (name) => {
    const fixture = await readDecoderFixture(name, 'causal-lm');
    const { inputs, placeOf } = packed(fixture.inputs);
    const found = await gradientsOn(engine, { ...fixture, inputs });
    const size = fixture.logits.shape.at(-1)!;
    for (const [from, to] of placeOf) {
      const [here, there] = [found.get('logits')!.data, fixture.logits.data];
      const row = (data: Float32Array, at: number) => data.subarray(at * size, (at + 1) * size);
      expect(largestDifference(row(here, to), row(there, from))).toBeLessThan(3e-5);
    }
    expect(Math.abs(found.get('loss')!.data[0]! - fixture.loss)).toBeLessThan(1e-5);
    for (const [parameter, expected] of Object.entries(fixture.gradientNorms)) {
      const difference = Math.abs(norm(found.get(parameter)!.data) - expected);
      expect(difference, parameter).toBeLessThan(Math.max(2e-4 * expected, 2e-6));
    }
  },
);

it.each(['gpt2', 'phi3'])('an adapter of %s has the gradients of texts in rows of their own', async (name) => {
  const { model: base, parameters, inputs: apart } = await readDecoderFixture(name, 'causal-lm');
  const model = withLora(
    base,
    newAdapterConfig(base, 'base', { ...usualLora, targets: 'all-linear', alsoTrained: [] }),
  );
  const random = randomFor(1, 'adapter');
  const factors = model.updates.flatMap(({ a, b }) => [a, b]);
  const drawn = model.parameters
    .filter((spec) => factors.includes(spec.name))
    .map(({ name: factor, shape }): [string, HostTensor] => [
      factor,
      { shape, data: Float32Array.from({ length: shape[0]! * shape[1]! }, () => 0.3 * random.normal()) },
    ]);
  const setup = { model, parameters: new Map([...parameters, ...drawn]) };
  const { inputs, placeOf } = packed(apart);
  const found = await gradientsOn(engine, { ...setup, inputs });
  expect([...found.keys()].filter(isGradient).toSorted()).toEqual(factors.toSorted());
  expectSame(found, await gradientsOn(engine, { ...setup, inputs: apart }), placeOf);
});

it('the length of each text, not of its row, decides on the factors of longrope', async () => {
  const { config, parameters, inputs: apart } = await readDecoderFixture('phi3', 'causal-lm');
  const scaling = { type: 'longrope', short_factor: [1, 1.5], long_factor: [3, 9] };
  const stretched = { ...config, original_max_position_embeddings: 7, rope_scaling: scaling };
  const { model } = modelOf(stretched, 'causal-lm', [], 'config.json');
  const { inputs, placeOf } = packed(apart);
  const found = await gradientsOn(engine, { model, parameters, inputs });
  expectSame(found, await gradientsOn(engine, { model, parameters, inputs: apart }), placeOf);
  const all = await gradientsOn(engine, {
    model: modelOf({ ...stretched, original_max_position_embeddings: 20 }, 'causal-lm', [], 'config.json').model,
    parameters,
    inputs,
  });
  expect(largestDifference(all.get('logits')!.data, found.get('logits')!.data)).toBeGreaterThan(1e-3);
});
