import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { type NamedTensors, runOnce } from '../../../shared/engines/engine.ts';
import { exportForward } from '../../../shared/engines/onnx/export-forward.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { inputsOf, type TrajectoryFormat } from '../../../shared/models/model.ts';
import { buildModel, type FieldModelConfig, fieldModelSchema } from '../../../shared/models/registry.ts';
import { elementCount } from '../../../shared/tensors/tensor.ts';

const models: readonly (readonly [settings: object, format: Omit<TrajectoryFormat, 'kind'>])[] = [
  [
    { family: 'fno1d', modes: 5, width: 7 },
    { space: [24], channels: 2, window: 3 },
  ],
  [
    { family: 'fno1d', modes: 5, width: 7, padding: 0 },
    { space: [24], channels: 1, window: 0, statics: 1 },
  ],
  [
    { family: 'fno2d', modes: 3, width: 6 },
    { space: [12, 10], channels: 1, window: 2, statics: 1 },
  ],
  // Its dense layers are computed by pieces.
  [
    { family: 'fno1d', modes: 3, width: 4, projection: 8192 },
    { space: [260], channels: 1, window: 1 },
  ],
];

it.each(models)('%o gives what the engine gives, for any number of samples', async (settings, sizes) => {
  const format = { kind: 'trajectories', ...sizes } as const;
  const model = buildModel(fieldModelSchema.parse(settings) as FieldModelConfig, format);
  const random = randomFor(7, 'export');
  const { tf } = await openEngine('cpu');
  const grid = {
    shape: [...format.space, format.space.length],
    data: Float32Array.from({ length: elementCount(format.space) * format.space.length }, () => random.uniform()),
  };
  const constants = new Map([...model.initialise(randomFor(7, 'initialise')), ['/grid', grid]]);
  const forward = ({ '/grid': coordinates, ...parameters }: NamedTensors, { given }: NamedTensors) => ({
    next: model.forward(tf, parameters, coordinates!)(given!),
  });
  const shape = [...format.space, inputsOf(format)];
  const exported = exportForward(tf, forward, { constants, given: { given: shape } });

  const session = await InferenceSession.create(exported);
  const engine = await openEngine('cpu');
  for (const batch of [1, 3]) {
    const given = {
      shape: [batch, ...shape],
      data: Float32Array.from({ length: batch * elementCount(shape) }, () => random.uniform() - 0.5),
    };
    const { next: output } = await session.run({ given: new RuntimeTensor('float32', given.data, given.shape) });
    const expected = await runOnce(
      engine,
      (_, { inputs: { '/given': values, ...others } }) => ({ results: forward(others, { given: values! }) }),
      new Map([...constants, ['/given', given]]),
    );
    expect(output!.dims).toEqual([batch, ...format.space, format.channels]);
    const reference = expected.get('next')!.data;
    const differences = Array.from(output!.data as Float32Array, (value, index) => Math.abs(value - reference[index]!));
    expect(Math.max(...differences)).toBeLessThan(1e-5);
  }
  await session.release();
});
