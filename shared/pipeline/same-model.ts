import { isDeepStrictEqual } from 'node:util';
import { runKeys } from '../checkpoints/run-keys.ts';
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { tokenizerFiles } from '../datasets/text/tokenizer.ts';
import { configFile } from '../models/hugging-face/config.ts';
import { weightsOf } from '../models/registry.ts';
import type { WorkloadPlan } from '../training/workload.ts';
import type { TaskContext } from './context.ts';
import type { RunRecord } from './records.ts';

/**
 * Compares the folder of a language model with what a run has on record of it.
 * @throws UserError when it has another tokenizer or configuration, by which the run would go on as another.
 */
export async function refuseOtherModel(
  { store }: Pick<TaskContext, 'store'>,
  run: string,
  before: RunRecord,
  plan: WorkloadPlan,
  { model }: RunConfig,
): Promise<void> {
  if (!plan.model) return;
  const isSameConfig = isDeepStrictEqual(JSON.parse(JSON.stringify(plan.model)), before.model);
  const changed = isSameConfig ? [] : [configFile];
  for (const name of tokenizerFiles) {
    const kept = (await store.get(runKeys.model(run, name)))?.bytes;
    const now = plan.files?.get(name);
    if (kept && !(now && Buffer.from(kept).equals(now))) changed.push(name);
  }
  if (changed.length === 0) return;
  throw new UserError(`the model's folder is not as it was when the run began: ${changed.join(', ')}`, {
    where: weightsOf(model)!,
    remedy:
      "Put the old files back (in the run's folder, model/ has the tokenizer's, and run.json config.json as `model`), or start a new run.",
  });
}
