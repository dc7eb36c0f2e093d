import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { decoderFixtures, decoderTasks, readDecoderFixture } from '../../support/decoder-fixture.ts';
import { gradientsOn, largestDifference, norm } from '../../support/language-step.ts';

const cases = decoderFixtures.flatMap((name) => decoderTasks.map((task) => [name, task] as const));

// The plain engine of tfjs computes as wasm does, more slowly.
const engineNames = availableEngines().filter((name) => name !== 'cpu');

describe.each(engineNames)('on %s', (engineName) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it.each(cases)('%s has the logits, the loss and the gradients of transformers for %s', async (name, task) => {
    const fixture = await readDecoderFixture(name, task);
    const results = await gradientsOn(engine, fixture);
    const found = results.get('logits')!;
    expect(found.shape).toEqual(fixture.logits.shape);
    const mask = fixture.inputs.get('attentionMask')!.data;
    const row = found.shape.at(-1)!;
    // What comes out at padding is looked at by nobody.
    const counted = (data: ArrayLike<number>) =>
      Array.from(data).filter((_, at) => task === 'classification' || mask[Math.floor(at / row)] === 1);
    expect(largestDifference(counted(found.data), counted(fixture.logits.data))).toBeLessThan(3e-5);
    expect(Math.abs(results.get('loss')!.data[0]! - fixture.loss)).toBeLessThan(1e-5);
    const trained = fixture.model.parameters.map(({ name: parameter }) => parameter);
    expect(trained.toSorted()).toEqual(Object.keys(fixture.gradientNorms).toSorted());
    for (const [parameter, size] of Object.entries(fixture.gradientNorms)) {
      const difference = Math.abs(norm(results.get(parameter)!.data as Float32Array) - size);
      expect(difference, parameter).toBeLessThan(Math.max(2e-4 * size, 2e-6));
    }
  });
});
