import { describe, expect, it } from 'vitest';
import { fieldOnnx } from '../../shared/local/field-onnx.ts';
import { modelOfRun } from '../../shared/pipeline/run-model.ts';
import { operatorsAreExported } from '../conformance/exported-operators.ts';
import { exportedOperator, operatorCases, operatorRecord } from '../support/exported-operators.ts';

describe('fieldOnnx', () => {
  operatorsAreExported(operatorCases);

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
