/** Stopping runs, and going on with them. */
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { overrideSettings, parseOverride } from '../config/parse-run-file.ts';
import { UserError } from '../core/errors.ts';
import { changeRequest } from '../pipeline/change-request.ts';
import document from '../pipeline/pipeline.asl.json' with { type: 'json' };
import { readRequest } from '../pipeline/records.ts';
import { type Execution, executionsOf } from './executions.ts';
import { historyAfter, standingOf } from './history.ts';
import { startNext } from './launch.ts';
import { refuseRunning } from './move.ts';
import type { Cloud } from './open-cloud.ts';
import { nameOf } from './runs.ts';

/** Stops the executions at a run. @throws UserError when there is none. */
export async function stopRun(cloud: Cloud, run: string): Promise<void> {
  const running = (await executionsOf(cloud, run)).filter(({ status }) => status === 'RUNNING');
  if (running.length === 0) {
    throw new UserError('is not running', {
      where: nameOf(run),
      remedy: `See how it stands: tempbalance cloud status ${nameOf(run)}`,
    });
  }
  for (const { arn: executionArn } of running) {
    await cloud.sfn.send(new StopExecutionCommand({ executionArn, cause: 'stopped by a person' }));
  }
}

/** A pause that may count as time of the run: longer ones would use up its budget. */
const longestPauseMs = 15 * 60_000;

const states: Readonly<Record<string, { readonly Type: string }>> = document.States;

/**
 * Whether an execution is driven on from the state in which it ended, keeping what was made since the last commit. One that
 * reached a Fail state would only fail again, other settings are taken up by Prepare alone, and after a long pause a new
 * execution is better, for which the pause is no time of the run.
 */
export function isRedriven(
  { redrivable, stoppedAt }: Pick<Execution, 'redrivable' | 'stoppedAt'>,
  { state, now }: { state: string | undefined; now: Date },
): boolean {
  const isRepeatable = state !== undefined && states[state]?.Type !== 'Fail';
  const isRecent = stoppedAt !== undefined && now.getTime() - stoppedAt.getTime() <= longestPauseMs;
  return redrivable && isRepeatable && isRecent;
}

/** How a run was resumed: its execution driven on, or a new one begun from the last commit. */
export interface Resumed {
  readonly how: 'redriven' | 'new';
  readonly name: string;
}

/**
 * Goes on with a run.
 * @param overrides settings to change, as given.
 * @throws UserError when it is running, or a setting changes that makes it another run.
 */
export async function resumeRun(cloud: Cloud, run: string, overrides: readonly string[], now: Date): Promise<Resumed> {
  await refuseRunning(cloud, run);
  const executions = await executionsOf(cloud, run);
  const [last] = executions;
  if (overrides.length > 0) await changeSettings(cloud, run, overrides);
  else if (last?.redrivable) {
    const { state } = standingOf(await historyAfter(cloud.sfn, last.arn, 0, { latest: true }));
    if (isRedriven(last, { state, now })) {
      await cloud.sfn.send(new RedriveExecutionCommand({ executionArn: last.arn }));
      return { how: 'redriven', name: last.name };
    }
  }
  const { execution } = await startNext(cloud, run, executions.length);
  return { how: 'new', name: execution };
}

async function changeSettings({ store }: Cloud, run: string, overrides: readonly string[]): Promise<void> {
  const request = await readRequest(store, run);
  const given = overrides.map(parseOverride);
  const config = overrideSettings(request.config, given, { label: `${run}/request.json` });
  await changeRequest(store, run, request, { config, overrides: given });
}
