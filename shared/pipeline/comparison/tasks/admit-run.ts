import { comparisonKeys } from '../../../checkpoints/comparison-keys.ts';
import { encodeJson, readJson } from '../../../checkpoints/json.ts';
import { runKeys } from '../../../checkpoints/run-keys.ts';
import { type ComparisonSettings, runConfigOf } from '../../../config/comparison.ts';
import type { RunConfig } from '../../../config/run-file.ts';
import { UserError } from '../../../core/errors.ts';
import { reasonAgainstNewRuns } from '../../../costs/ceiling.ts';
import type { Amount } from '../../../decisions/comparison/admission.ts';
import type { RunPlan, RunResult } from '../../../decisions/comparison/design.ts';
import { executionName } from '../../execution-name.ts';
import { requestSchema } from '../../records.ts';
import { admitToBudget } from '../budget.ts';
import type { ComparisonContext } from '../context.ts';
import { relocated } from '../inputs.ts';
import type { AdmittedRun } from '../messages.ts';
import { readComparison, readPlan, readResult, writeResult } from '../records.ts';
import { clearSpoilt } from '../run-files.ts';

/** Sets a share of the budget aside for a run and writes its settings. One that is not paid for is noted as skipped. */
export async function admitRun(
  ctx: ComparisonContext,
  { comparison, number, run }: { comparison: string; number: number; run: string },
): Promise<AdmittedRun> {
  const { store } = ctx;
  const { settings, data, addresses = {} } = await readComparison(store, comparison);
  const child = comparisonKeys.run(comparison, run);
  const execution = executionName(`${settings.name}-${run}`, number);
  const answer = { comparison, number, run, child, execution };
  if (await readResult(store, comparison, run)) return { ...answer, admitted: false };
  const plan = await readPlan(store, comparison, run);
  const refuse = async (status: 'skipped' | 'failed', reason: string) => {
    const result = notTrained(run, plan, status, reason);
    await writeResult(store, comparison, result);
    ctx.emit({ type: 'run', comparison, result, metric: settings.arms[0]!.config.convergence.metric });
    return { ...answer, admitted: false };
  };
  const whole = settingsOf(settings, plan, `${store.label}/${comparison}/runs`);
  if ('refused' in whole) return refuse('failed', whole.refused);
  const begun = await readJson(store, runKeys.request(child), requestSchema);
  const against = begun ? undefined : await reasonAgainstNewRuns(store, ctx.ceiling, ctx.now());
  if (against) return refuse('skipped', against.what);
  const admission = await admitToBudget(ctx, comparison, settings, run);
  if (!admission.admitted) return refuse('skipped', admission.reason);
  const asked = withinBudget(settings, whole.config, admission.allowance);
  // A run that was begun goes on where it was begun, by its own words: the comparison's folder may have moved.
  if (begun) await clearSpoilt(store, child, { settings, data }, plan);
  const config = { ...relocated(asked, (path) => addresses[path] ?? path), output: (begun?.config ?? asked).output };
  await store.put(runKeys.request(child), encodeJson({ version: 1, config, source: settings.source, overrides: [] }));
  return { ...answer, admitted: true };
}

const notTrained = (run: string, plan: RunPlan, status: 'skipped' | 'failed', reason: string): RunResult => ({
  ...plan,
  run,
  status,
  reason,
  value: null,
  curve: [],
  alphaSpread: { first: null, last: null },
  seconds: 0,
  usd: null,
});

/** The run's settings, or why there are none: a value that the grid was extended by may be beyond what the setting takes. */
function settingsOf(
  settings: ComparisonSettings,
  plan: RunPlan,
  folder: string,
): { readonly config: RunConfig } | { readonly refused: string } {
  try {
    return { config: runConfigOf(settings, plan, folder) };
  } catch (error) {
    if (error instanceof UserError) return { refused: error.message };
    throw error;
  }
}

/** The settings within the run's share of the budget. */
function withinBudget(settings: ComparisonSettings, config: RunConfig, allowance: Amount): RunConfig {
  const { usdPerHour } = settings.budget;
  const least = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
  const budget = {
    hours: least(config.budget.hours, allowance.hours),
    usd: least(config.budget.usd, allowance.usd),
    usdPerHour: usdPerHour ?? config.budget.usdPerHour,
  };
  const set = Object.fromEntries(Object.entries(budget).filter(([, value]) => value !== undefined));
  return { ...config, budget: set };
}
