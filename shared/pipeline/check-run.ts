/** What can be known of a run before anything is trained: the checks of `validate` and of `plan`. */
import type { RunConfig } from '../config/run-file.ts';
import { settleProblem } from '../config/settle-problem.ts';
import { weightsOf } from '../models/registry.ts';
import type { BalanceDescription } from '../schedules/describe.ts';
import type { StartablePlan } from '../training/workload.ts';
import { describeBalance, refuseUnchangingRates } from './balance-description.ts';
import type { TaskContext } from './context.ts';
import { planWorkload } from './open-workload.ts';
import { modelOfPlan } from './run-model.ts';

/** Whether a model begins with weights of a file. */
const readsWeights = (model: RunConfig['model']): boolean =>
  model.family === 'huggingface' ? !model.fresh : weightsOf(model) !== undefined;

/** A run whose settings, data and weights fit together. */
interface CheckedRun {
  /** The settings, with what follows from the data. */
  readonly config: RunConfig;
  readonly plan: StartablePlan;
  /** The layers that are balanced, and when; null: balancing is off. */
  readonly balance: BalanceDescription | null;
}

/**
 * Checks settings, data, model, weights and rates together, without an engine.
 * @param options.note told what the user should know
 * @throws UserError when something does not fit.
 */
export async function checkRun(
  given: RunConfig,
  { localPath, note }: { readonly localPath: TaskContext['localPath']; readonly note: (message: string) => void },
): Promise<CheckedRun> {
  const plan = await planWorkload(given, localPath);
  const config = settleProblem(given, plan.problemType);
  // What is drawn can't be wrong, and may be larger than this machine.
  if (readsWeights(config.model)) await plan.initial(note);
  const timed = { config, dataset: { ...plan.data, stepsPerEpoch: plan.stepsPerEpoch } };
  refuseUnchangingRates(timed);
  const balance = describeBalance(modelOfPlan(config, plan), timed) ?? null;
  for (const warning of [...(plan.warnings ?? []), ...(balance?.notes ?? [])]) note(warning);
  return { config, plan, balance };
}
