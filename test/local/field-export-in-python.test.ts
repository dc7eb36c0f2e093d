/** Exports of models of fields in PyTorch and onnxruntime, by the code of their cards; skipped where Python has no PyTorch. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { gridInWords } from '../../shared/datasets/coordinates.ts';
import { fieldOnnx } from '../../shared/local/field-onnx.ts';
import { exportedFiles } from '../../shared/pipeline/run-model.ts';
import { renderModelCard } from '../../shared/reports/model-card.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import { madeUpRun } from '../reports/made-up-runs.ts';
import { exportedOperator, largestDifference, operatorCases, operatorRecord } from '../support/exported-operators.ts';
import { temporaryFolder } from '../support/small-run.ts';

const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
const wanted =
  "import importlib.util as u; exit(any(u.find_spec(n) is None for n in ('torch', 'safetensors', 'numpy')))";
const isThere = spawnSync(python, ['-c', wanted]).status === 0;

it.skipIf(!isThere)("the code of every family's card predicts what our engine predicts", async () => {
  const parent = await temporaryFolder();
  const operators = [];
  for (const [index, each] of operatorCases.entries()) {
    const { run, weights, given, predicted } = await exportedOperator(each);
    const folder = join(parent, String(index));
    await mkdir(folder);
    const { config, dataset } = operatorRecord(each, true);
    const made = madeUpRun();
    const report = {
      ...made,
      config: { ...made.config, ...config },
      dataset: { ...made.dataset, ...gridInWords(dataset) },
    };
    const files = new Map<string, Uint8Array | string>([
      ...(await exportedFiles(run, encodeSafetensors(weights))),
      ['model.onnx', await fieldOnnx(run.fields!, weights)],
      ['README.md', renderModelCard(report, undefined, { onnx: true })],
      ['inputs.safetensors', encodeSafetensors(given)],
    ]);
    for (const [name, content] of files) await writeFile(join(folder, name), content);
    operators.push({ folder, predicted, settings: JSON.stringify(each) });
  }
  const { status, stdout, stderr } = spawnSync(python, ['test/support/field_export_reads.py'], {
    input: JSON.stringify({ folders: operators.map(({ folder }) => folder) }),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const read = JSON.parse(stdout) as Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  for (const { folder, predicted, settings } of operators) {
    expect(Object.keys(read[folder]!), settings).toContain('torch');
    for (const [reader, values] of Object.entries(read[folder]!)) {
      expect(values, `${reader} ${settings}`).toHaveLength(predicted.data.length);
      expect(largestDifference(values, predicted.data), `${reader} ${settings}`).toBeLessThan(1e-5);
    }
  }
});
