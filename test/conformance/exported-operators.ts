/** What every model of fields is held to: one of this package, or of a plugin. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { fieldOnnx } from '../../shared/local/field-onnx.ts';
import { exportedOperator, largestDifference, type OperatorCase } from '../support/exported-operators.ts';

/** Tests of models, each with the sizes of its data. */
export function operatorsAreExported(cases: readonly OperatorCase[]): void {
  it.each(cases)('an export of %o gives what the engine gives, in the units of the data', async (...operator) => {
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
}
