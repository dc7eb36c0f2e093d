import { comparisonKeys } from '../../../checkpoints/comparison-keys.ts';
import { encodeJson } from '../../../checkpoints/json.ts';
import { designOf } from '../../../config/comparison.ts';
import { isAskedFor } from '../../../decisions/comparison/design.ts';
import { judge } from '../../../decisions/comparison/judge.ts';
import { renderComparisonPage } from '../../../reports/comparison/page.ts';
import type { ComparisonContext } from '../context.ts';
import { type ComparisonOutcome, readComparison, readResults } from '../records.ts';
import { comparisonResult, writeComparisonResult } from '../result.ts';
import { winnerRunFiles } from '../winner.ts';

/** Judges the finished runs; writes all of it as JSON, the page, and run files of the settings that are recommended. */
export async function judgeRuns(
  ctx: ComparisonContext,
  { comparison }: { comparison: string },
): Promise<{ comparison: string; outcome: string }> {
  const { store } = ctx;
  const text = (content: string) => new TextEncoder().encode(content);
  const request = await readComparison(store, comparison);
  const design = designOf(request.settings);
  const results = (await readResults(store, comparison)).filter((result) => isAskedFor(design, result));
  const judgement = judge(design, results);
  const madeAt = ctx.now().toISOString();
  const result = comparisonResult(request, results, judgement, { madeAt, versions: ctx.versions });
  for (const [file, content] of winnerRunFiles(request.settings, judgement.recommendation)) {
    await store.put(comparisonKeys.winner(comparison, file), text(content));
  }
  const { source: file, overrides } = request.settings;
  const origin = { place: store.label, file, overrides };
  await store.put(comparisonKeys.report(comparison), text(renderComparisonPage(result, origin)));
  await writeComparisonResult(store, comparison, result);
  const outcome: ComparisonOutcome = { outcome: 'judged', reason: judgement.headline, at: madeAt };
  await store.put(comparisonKeys.outcome(comparison), encodeJson(outcome));
  ctx.emit({ type: 'judged', comparison, headline: judgement.headline });
  return { comparison, outcome: outcome.outcome };
}
