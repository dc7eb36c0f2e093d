import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { fieldOnnx } from '../../shared/local/field-onnx.ts';
import { modelOfRun } from '../../shared/pipeline/run-model.ts';
import { exportedOperator, largestDifference, operatorCases, operatorRecord } from '../support/exported-operators.ts';

describe('fieldOnnx', () => {
  it.each(operatorCases)('of %o gives what the engine gives, in the units of the data', async (...operator) => {
    const { run, weights, given, next } = await exportedOperator(operator, 3);
    const session = await InferenceSession.create(await fieldOnnx(run.fields!, weights));
    const { space, channels, window, statics = 0 } = run.fields!.format;
    expect(session.inputMetadata.map((input) => [input.name, ...(input.isTensor ? input.shape : [])])).toEqual([
      ...(window > 0 ? [['past', 'batch', ...space, window, channels]] : []),
      ...(statics > 0 ? [['statics', 'batch', ...space, statics]] : []),
    ]);
    const results = await session.run(
      Object.fromEntries([...given].map(([name, { shape, data }]) => [name, new Tensor('float32', data, shape)])),
    );
    expect(results.next!.dims).toEqual([3, ...space, channels]);
    expect(largestDifference(results.next!.data as Float32Array, next.data)).toBeLessThan(1e-5);
    await session.release();
  });

  it('says what keeps a model from being written so', async () => {
    const { run, weights } = await exportedOperator(operatorCases[0]!);
    const earlier = modelOfRun(operatorRecord(operatorCases[0]!, false)).fields!;
    await expect(fieldOnnx(earlier, weights)).rejects.toThrow('no coordinates on record');
    const large = new Map([...weights, ['fc0.weight', { shape: [1], data: { byteLength: 2 ** 31 } as never }]]);
    await expect(fieldOnnx(run.fields!, large)).rejects.toThrow('its weights take 2.1 GB, and an ONNX file holds 2 GB');
  });

  it('needs no coordinates for a model that takes none', async () => {
    const unet = operatorCases.find(([{ family }]) => family === 'unet1d')!;
    const { weights } = await exportedOperator(unet);
    const earlier = modelOfRun(operatorRecord(unet, false)).fields!;
    expect((await fieldOnnx(earlier, weights)).byteLength).toBeGreaterThan(1000);
  });
});
