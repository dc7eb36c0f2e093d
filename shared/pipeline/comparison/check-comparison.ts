/** Whether the runs of a comparison could begin: their data and models are opened before any is started. */
import { type ComparisonSettings, designOf, runConfigOf, runNameOf } from '../../config/comparison.ts';
import type { RunConfig } from '../../config/run-file.ts';
import { settleProblem } from '../../config/settle-problem.ts';
import { messageOf, UserError } from '../../core/errors.ts';
import { nextRuns } from '../../decisions/comparison/next-runs.ts';
import type { WorkloadPlan } from '../../training/workload.ts';
import { refuseUnchangingRates } from '../balance-description.ts';
import type { TaskContext } from '../context.ts';
import type { ComparisonRequest } from './records.ts';

type Rows = ComparisonRequest['rows'];

/**
 * Opens data and model of the first run of every arm and size.
 * @returns how many rows there are to train and to test on
 * @throws UserError with every problem that there is, each once.
 */
export async function checkComparison(
  settings: ComparisonSettings,
  ctx: Pick<TaskContext, 'planWorkload'>,
  warn: (message: string) => void,
): Promise<Rows> {
  const { arms, sizes, tuned, seeds } = settings;
  const problems = new Map<string, string[]>();
  const notes = new Map<string, string[]>();
  const add = (to: Map<string, string[]>, message: string, name: string) =>
    to.set(message, [...(to.get(message) ?? []), name]);
  let rows: Rows | undefined;
  for (const size of sizes) {
    for (const arm of arms) {
      const plan = {
        purpose: 'test',
        arm: arm.name,
        size,
        tried: tuned?.values[0] ?? null,
        seed: seeds.test[0]!,
      } as const;
      const config = runConfigOf(settings, plan, '.');
      try {
        const workload = await ctx.planWorkload(config);
        refuseOpenProblem(config, workload);
        refuseUnchangingRates({ config, dataset: { ...workload.data, stepsPerEpoch: workload.stepsPerEpoch } });
        if (!rows) await workload.initial((note) => add(notes, note, runNameOf(plan)));
        rows ??= { ...rowsOf(workload.data), ...(size === null ? {} : { training: null }) };
        for (const note of workload.warnings ?? []) add(notes, note, runNameOf(plan));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        add(problems, messageOf(error), runNameOf(plan));
      }
    }
  }
  for (const [note] of notes) warn(note);
  for (const names of alike(arms))
    warn(`arms ${names.join(' and ')} have the same settings: they will differ in nothing`);
  if (problems.size === 0) return rows!;
  const lines = [...problems].map(([message, runs]) => `  ${message}\n      (${listed(runs)})`);
  throw new UserError(`${settings.source} can't be begun:\n\n${lines.join('\n')}`);
}

/** @throws UserError where the runs would be judged by a metric that is not measured of them. */
function refuseOpenProblem(config: RunConfig, { problemType }: WorkloadPlan): void {
  if (settleProblem(config, problemType) === config) return;
  throw new UserError(`model and data are ${problemType}, and a comparison has to say so`, {
    where: 'model.problemType',
    remedy: `Set it to ${problemType} in the run file.`,
  });
}

/** Names of arms that are the same. */
const alike = (arms: ComparisonSettings['arms']): string[][] =>
  [...Map.groupBy(arms, ({ config }) => JSON.stringify(config)).values()]
    .filter(({ length }) => length > 1)
    .map((same) => same.map(({ name }) => name));

function rowsOf(data: Readonly<Record<string, unknown>>): Rows {
  const { trainingSamples, testSamples } = data as { trainingSamples?: number; testSamples?: number };
  return { training: trainingSamples ?? null, test: testSamples ?? null };
}

const listed = (runs: readonly string[], most = 3) =>
  runs.length > most ? `${runs.slice(0, most).join(', ')} and ${runs.length - most} more runs` : runs.join(', ');

/** How many runs a comparison begins with, and how many it has in all unless values are extended. */
export function countRuns(settings: ComparisonSettings): { tuning: number; test: number } {
  const design = designOf(settings);
  const first = nextRuns(design, []).runs;
  const each = design.arms.length * design.sizes.length;
  return { tuning: design.tuned ? first.length : 0, test: each * design.seeds.test.length };
}
