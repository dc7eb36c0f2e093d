import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { starterTextRunFile } from '../../shared/config/starter.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { readRunRecord } from '../../shared/pipeline/records.ts';
import { readRunReport } from '../../shared/pipeline/run-report.ts';
import { runCli } from '../support/cli.ts';
import { requestRun, run } from '../support/fake-run.ts';
import { fixturePath } from '../support/fixtures.ts';
import { writeBertFolder } from '../support/language-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

/** A folder with a BERT without a head, some labelled texts, and the run file that `init` writes for them. */
async function initialised(rows: number, labels?: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  const all = (await readFile(fixturePath('data', 'topic_keywords.jsonl'), 'utf8')).trim().split('\n');
  const lines = all.slice(0, rows);
  const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
  await writeBertFolder(join(folder, 'bert'), texts, { hiddenSize: 16, blocks: 1, labels });
  await writeFile(join(folder, 'texts.jsonl'), `${lines.join('\n')}\n`);
  const named = {
    schema: 'schema.json',
    folder: 'bert',
    dataset: 'texts.jsonl',
    format: 'jsonl',
    hasColumns: true,
  } as const;
  const model = { tasks: ['classification'], maxTokens: 64 } as const;
  await writeFile(join(folder, 'run.yaml'), starterTextRunFile({ ...named, texts: rows, model }));
  return join(folder, 'run.yaml');
}

/** Trains by a run file, with other settings put over it. */
async function trained(runFile: string, ...settings: string[]) {
  const store = memoryStore();
  const quick = ['balance=off', 'training.engine=wasm'];
  await requestRun(store, await loadRunFile(runFile, [...quick, ...settings].map(parseOverride)));
  expect(
    await runPipeline(
      run,
      localContext(store, () => {}),
    ),
  ).toEqual({ status: 'done' });
  return { record: await readRunRecord(store, run), report: await readRunReport(store, run) };
}

describe('a run as `init` writes it for few texts', () => {
  it.each([48, 60])('of %i never leaves the untrained model, and has time to train', async (rows) => {
    const runFile = await initialised(rows);
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { record, report } = await trained(runFile, `training.seed=${seed}`);
      expect(record.drawn).toEqual(['bert.pooler.dense', 'classifier']);
      expect(report.best!.epoch).toBeGreaterThan(0);
      expect(report.epochs).toHaveLength(11);
      expect(report.remark).toBeUndefined();
    }
  });
});

describe('the model before training', () => {
  it('may be the best where its head came with it, and the run says so', async () => {
    const runFile = await initialised(48, ['0', '1', '2']);
    // No step changes anything: every epoch is as good as the one before, with the same loss.
    const { record, report } = await trained(runFile, 'training.learningRate=1e-12', 'convergence.patience=2');
    expect(record.drawn).toBeUndefined();
    expect(report).toMatchObject({ status: 'converged', best: { epoch: 0 } });
    expect(report.epochs).toHaveLength(3);
    expect(report.remark).toMatch(/^training did not help: .* is the best by accuracy/);
  });

  it('is not the best where its head was replaced', async () => {
    const runFile = await initialised(48, ['a', 'b', 'c']);
    const settings = ['model.head=fresh', 'training.epochs=1'];
    const { stdout } = await runCli(['validate', runFile, '--set', settings[0]!]);
    expect(stdout).toMatch(/\ndrawn +classifier\n/);
    const { record, report } = await trained(runFile, ...settings);
    expect(record.drawn).toEqual(['classifier']);
    expect(report.best!.epoch).toBe(1);
    const lora = await trained(runFile, ...settings, 'model.lora.rank=2');
    expect(lora.record.drawn).toEqual(['classifier']);
  });
});
