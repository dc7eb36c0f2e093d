/** Exports of models of fields, in PyTorch by their `model.py` and in onnxruntime, where Python has them; without PyTorch this is skipped. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fieldOnnx } from '../../shared/local/field-onnx.ts';
import { exportedFiles } from '../../shared/pipeline/run-model.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import { exportedOperator, largestDifference, operatorCases } from '../support/exported-operators.ts';
import { temporaryFolder } from '../support/small-run.ts';

const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
const wanted = "import importlib.util as u; exit(any(u.find_spec(n) is None for n in ('torch', 'safetensors')))";
const isThere = spawnSync(python, ['-c', wanted]).status === 0;

type Predicted = Readonly<Record<'torch' | 'rollOut', readonly number[]>> & { readonly onnx?: readonly number[] };

it.skipIf(!isThere)('every family predicts in Python what our engine predicts', { timeout: 120_000 }, async () => {
  const parent = await temporaryFolder();
  const operators = await Promise.all(
    operatorCases.map(async (each, index) => {
      const { run, weights, given, next } = await exportedOperator(each);
      const folder = join(parent, String(index));
      await mkdir(folder);
      const files = await exportedFiles(run, encodeSafetensors(weights));
      files.set('model.onnx', await fieldOnnx(run.fields!, weights));
      files.set('inputs.safetensors', encodeSafetensors(given));
      for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
      return { folder, next, settings: JSON.stringify(each) };
    }),
  );
  const { status, stdout, stderr } = spawnSync(python, ['test/support/field_export_reads.py'], {
    input: JSON.stringify({ folders: operators.map(({ folder }) => folder) }),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const predicted = JSON.parse(stdout) as Readonly<Record<string, Predicted>>;
  for (const { folder, next, settings } of operators) {
    const { torch, onnx, rollOut } = predicted[folder]!;
    expect(torch, settings).toHaveLength(next.data.length);
    expect(largestDifference(torch, next.data), settings).toBeLessThan(1e-5);
    if (onnx) expect(largestDifference(onnx, next.data), settings).toBeLessThan(1e-5);
    expect(rollOut.length % next.data.length, settings).toBe(0);
  }
});
