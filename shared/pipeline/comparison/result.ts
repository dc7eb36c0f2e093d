/** The result of a comparison as it is stored: what another execution of it gives to the bit, and apart from that what it took. */
import { z } from 'zod';
import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../../checkpoints/comparison-keys.ts';
import { encodeJson, readJson } from '../../checkpoints/json.ts';
import { designOf } from '../../config/comparison.ts';
import { RunError } from '../../core/errors.ts';
import { namesInWords } from '../../datasets/data-path.ts';
import type { RunResult } from '../../decisions/comparison/design.ts';
import type { Judgement } from '../../decisions/comparison/judgement.ts';
import { type ComparisonResult, comparisonResultSchema } from '../../reports/comparison/input.ts';
import type { ComparisonRequest } from './records.ts';
import { winnerName } from './winner.ts';

const runSchema = comparisonResultSchema.shape.results.unwrap().element;

/** The content of `result.json`. */
const storedResultSchema = comparisonResultSchema
  .omit({ madeAt: true, spent: true })
  .extend({ results: z.array(runSchema.omit({ seconds: true, usd: true })) });

/** The content of `costs.json`. */
const costsSchema = z.strictObject({
  madeAt: z.iso.datetime(),
  runs: z.record(z.string(), z.strictObject({ seconds: z.number(), usd: z.number().nullable() })),
});

/** Makes the result of a comparison from all that is known of it. */
export function comparisonResult(
  { settings, rows }: Pick<ComparisonRequest, 'settings' | 'rows'>,
  results: readonly RunResult[],
  judgement: Judgement,
  { madeAt, versions }: { madeAt: string; versions: Readonly<Record<string, string>> },
): ComparisonResult {
  const { name, runFile, changes, budget, sizes, arms } = settings;
  const skipped = results.find(({ status }) => status === 'skipped');
  const { hours, usd } = budget;
  return {
    version: 1,
    name,
    madeAt,
    design: designOf(settings),
    results,
    judgement,
    settings: {
      runFile,
      data: namesInWords(arms[0]!.config.dataset.path),
      testRows: rows.test,
      trainingRows: rows.training,
      changesOfAll: changes,
    },
    winners: sizes.map((size) => ({ size, file: winnerName(size) })),
    spent: spentBy(results),
    budget: { ...(hours === undefined ? {} : { hours }), ...(usd === undefined ? {} : { usd }) },
    stopped: skipped ? skipped.reason : null,
    versions,
  };
}

function spentBy(results: readonly Pick<RunResult, 'seconds' | 'usd'>[]): ComparisonResult['spent'] {
  const metered = results.flatMap(({ usd }) => (usd === null ? [] : [usd]));
  return {
    seconds: results.reduce((sum, { seconds }) => sum + seconds, 0),
    usd: metered.length > 0 ? metered.reduce((sum, usd) => sum + usd, 0) : null,
  };
}

export async function writeComparisonResult(
  store: ArtifactStore,
  comparison: string,
  { madeAt, spent: _, results, ...others }: ComparisonResult,
): Promise<void> {
  const runs = Object.fromEntries(results.map(({ run, seconds, usd }) => [run, { seconds, usd }]));
  const stored = { ...others, results: results.map(({ seconds: _, usd: __, ...result }) => result) };
  await store.put(comparisonKeys.costs(comparison), encodeJson({ madeAt, runs }));
  await store.put(comparisonKeys.judged(comparison), encodeJson(stored));
}

/** @throws RunError when the comparison was not judged yet. */
export async function readComparisonResult(store: ArtifactStore, comparison: string): Promise<ComparisonResult> {
  const remedy = 'Delete it and start the comparison again: it is judged anew, no run is done again.';
  const stored = await readJson(store, comparisonKeys.judged(comparison), storedResultSchema, remedy);
  const costs = await readJson(store, comparisonKeys.costs(comparison), costsSchema, remedy);
  if (!stored || !costs) throw new RunError('is not judged yet', { where: `${store.label}/${comparison}` });
  const results = stored.results.map((result) => ({
    ...result,
    ...(costs.runs[result.run] ?? { seconds: 0, usd: null }),
  }));
  return { ...stored, results, madeAt: costs.madeAt, spent: spentBy(results) };
}
