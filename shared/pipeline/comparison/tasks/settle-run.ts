import { z } from 'zod';
import { comparisonKeys } from '../../../checkpoints/comparison-keys.ts';
import type { RunResult } from '../../../decisions/comparison/design.ts';
import type { TaskError } from '../../messages.ts';
import { plainMessage } from '../../task-failure.ts';
import { settleBudget } from '../budget.ts';
import type { ComparisonContext } from '../context.ts';
import type { AdmittedRun } from '../messages.ts';
import { readComparison, readPlan, writeResult } from '../records.ts';
import { freeModels } from '../run-files.ts';
import { resultOfRun } from '../run-result.ts';

/** Notes what a run came to and what it took of the budget, and frees what is no longer needed of it. */
export async function settleRun(
  ctx: ComparisonContext,
  { comparison, run, error }: AdmittedRun & { error?: { Error: string; Cause?: string | undefined } | undefined },
): Promise<{ run: string; status: string }> {
  const { status } = await settle(ctx, comparison, run, error && explainExecution(error));
  return { run, status };
}

/** Step Functions' description of an execution that it waited for. */
const describedSchema = z.looseObject({ ExecutionArn: z.string(), Status: z.string(), Cause: z.string().optional() });

/** Why a run's execution did not succeed. */
function explainExecution(error: TaskError): string {
  const described = jsonOf(error.Cause, describedSchema);
  if (!described) return plainMessage(error);
  return `its execution ended as ${described.Status}${described.Cause === undefined ? '' : `: ${described.Cause}`}`;
}

function jsonOf<Value>(text: string | undefined, schema: z.ZodType<Value>): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}

/** @param error what the workflow says of the run's execution; absent: nothing went wrong there */
export async function settle(
  ctx: ComparisonContext,
  comparison: string,
  run: string,
  error: string | undefined,
): Promise<RunResult> {
  const { store } = ctx;
  const { settings, data } = await readComparison(store, comparison);
  const plan = await readPlan(store, comparison, run);
  const child = comparisonKeys.run(comparison, run);
  const result = await resultOfRun(store, child, { settings, data }, plan, error);
  await settleBudget(ctx, comparison, settings, result);
  await writeResult(store, comparison, result);
  const isOver = result.status === 'done' || result.status === 'diverged';
  if (isOver && settings.keep === 'results') await freeModels(store, child);
  const { metric } = settings.arms[0]!.config.convergence;
  ctx.emit({ type: 'run', comparison, result, metric });
  return result;
}
