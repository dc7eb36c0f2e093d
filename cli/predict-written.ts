/** `predict` with a model that writes texts. */
import { csvRows } from '../shared/core/csv.ts';
import type { TextRows } from '../shared/datasets/text/text-rows.ts';
import type { Engine } from '../shared/engines/engine.ts';
import type { TextModel } from '../shared/local/open-text-model.ts';
import type { WrittenText } from '../shared/training/workloads/write-texts.ts';
import type { PredictionOutput } from './predict-tags.ts';
import { progressBar } from './views/progress-bar.ts';
import { writeText } from './write-text.ts';

/** Writes a text of each row, and what was written where it is to go. */
export async function writeOfTexts({
  path,
  model,
  rows,
  engine,
  output: { out, csv, json },
  note,
  ...limits
}: {
  readonly path: string;
  readonly model: TextModel;
  readonly rows: TextRows;
  readonly engine: Engine;
  readonly maxTokens: number;
  readonly maxTargetTokens: number;
  readonly batchSize: number;
  readonly output: PredictionOutput;
  readonly note: (message: string) => void;
}): Promise<number> {
  const { writeTexts } = await import('../shared/training/workloads/write-texts.ts');
  const { epoch } = model;
  const bar = progressBar();
  let result: Awaited<ReturnType<typeof writeTexts>>;
  try {
    const onProgress = (done: number, total: number) => bar.show(done / total, `text ${done} of ${total}`);
    result = await writeTexts({ engine, ...model, rows, ...limits, onProgress });
  } finally {
    bar.close();
  }
  const { texts, warnings } = result;
  for (const warning of warnings) note(warning);
  const alike = likeTargets(texts);
  const written = json
    ? `${JSON.stringify({ model: path, ...(epoch === undefined ? {} : { epoch }), texts, ...(alike ? { metrics: { exactMatch: alike.count / alike.of } } : {}) }, null, 2)}\n`
    : csv
      ? csvOf(texts)
      : texts.map((text) => `${JSON.stringify(text)}\n`).join('');
  if (out === undefined) process.stdout.write(written);
  else await writeText(out, written);
  if (alike) process.stderr.write(`${alike.count} of ${alike.of} are written as the file has them\n`);
  return 0;
}

/** How many texts are the targets of the file, but for spaces around them; undefined: it has none. */
function likeTargets(texts: readonly WrittenText[]): { readonly count: number; readonly of: number } | undefined {
  const known = texts.filter(({ written, expected }) => written !== null && expected !== undefined);
  if (known.length === 0) return undefined;
  return {
    count: known.filter(({ written, expected }) => written!.trim() === expected!.trim()).length,
    of: known.length,
  };
}

function csvOf(texts: readonly WrittenText[]): string {
  const expected = texts.some((text) => text.expected !== undefined);
  return csvRows([
    ['row', 'written', ...(expected ? ['expected'] : [])],
    ...texts.map((text) => [text.row, text.written ?? '', ...(expected ? [text.expected ?? ''] : [])]),
  ]);
}
