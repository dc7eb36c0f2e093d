/** `predict` with a model that tags words. */
import { csvRows } from '../shared/core/csv.ts';
import type { TextRows } from '../shared/datasets/text/text-rows.ts';
import type { Engine } from '../shared/engines/engine.ts';
import type { TextModel } from '../shared/local/open-text-model.ts';
import type { TaggedText } from '../shared/training/workloads/tag-texts.ts';
import { progressBar } from './views/progress-bar.ts';
import { writeText } from './write-text.ts';

/** The file and the format for predictions of texts. */
export interface PredictionOutput {
  readonly out?: string;
  readonly csv?: boolean;
  readonly json?: boolean;
}

/** Tags the words of rows, and writes what was found. */
export async function tagWords({
  path,
  classifier,
  rows,
  engine,
  maxTokens,
  batchSize,
  output: { out, csv, json },
  note,
}: {
  readonly path: string;
  readonly classifier: TextModel;
  readonly rows: TextRows;
  readonly engine: Engine;
  readonly maxTokens: number;
  readonly batchSize: number;
  readonly output: PredictionOutput;
  readonly note: (message: string) => void;
}): Promise<number> {
  const { tagTexts } = await import('../shared/training/workloads/tag-texts.ts');
  const { labels, epoch } = classifier;
  const bar = progressBar();
  let result: Awaited<ReturnType<typeof tagTexts>>;
  try {
    const onProgress = (done: number, total: number) => bar.show(done / total, `text ${done} of ${total}`);
    result = await tagTexts({ engine, ...classifier, rows, batchSize, maxTokens, onProgress });
  } finally {
    bar.close();
  }
  const { texts, warnings, evaluation } = result;
  for (const warning of warnings) note(warning);
  const written = json
    ? `${JSON.stringify({ model: path, ...(epoch === undefined ? {} : { epoch }), labels, texts, ...evaluation }, null, 2)}\n`
    : csv
      ? csvOf(texts)
      : texts.map((text) => `${JSON.stringify(text)}\n`).join('');
  if (out === undefined) process.stdout.write(written);
  else await writeText(out, written);
  if (evaluation) {
    const shown = (name: string) => evaluation.metrics[name]!.toFixed(4);
    process.stderr.write(
      `F1 ${shown('F1')}, precision ${shown('precision')}, recall ${shown('recall')}, accuracy ${shown('accuracy')}\n`,
    );
  }
  return 0;
}

/** A row for each word. */
function csvOf(texts: readonly TaggedText[]): string {
  const expected = texts.some((text) => text.expected !== undefined);
  return csvRows([
    ['row', 'number', 'word', 'tag', 'probability', ...(expected ? ['expected'] : [])],
    ...texts.flatMap(({ row, words, tags, probabilities, expected: wanted }) =>
      words.map((word, place) => [
        row,
        place + 1,
        word,
        tags[place] ?? '',
        probabilities[place] ?? '',
        ...(expected ? [wanted?.[place] ?? ''] : []),
      ]),
    ),
  ]);
}
