/** Stopping runs, and going on with them. */
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { refuseFixedChanges, settingsToGoOn } from '../config/changes.ts';
import { type Override, parseOverride } from '../config/parse-run-file.ts';
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { onePath } from '../datasets/data-path.ts';
import { type OtherFiles, otherFileSettings, otherFilesOf } from '../datasets/registry.ts';
import { changeRequest } from '../pipeline/change-request.ts';
import document from '../pipeline/pipeline.asl.json' with { type: 'json' };
import { type RunRequest, readRequest } from '../pipeline/records.ts';
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
      remedy: `See how it stands: npx tempbalance cloud status ${nameOf(run)}`,
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

/**
 * The settings of a run with others on top.
 * @throws UserError when they have problems, make it another run, or name data outside the deployment.
 */
export function settingsThere(
  { bucket }: Pick<Cloud, 'bucket'>,
  run: string,
  request: RunRequest,
  overrides: readonly Override[],
): RunConfig {
  const config = settingsToGoOn(request.config, request.config, overrides, { label: `${run}/request.json` });
  refuseFixedChanges(request.config, config);
  const path = onePath(config.dataset.path, 'a deployed run');
  const isOutside = (path: string, folder: string) => !path.startsWith(`s3://${bucket}/${folder}`);
  if (path !== request.config.dataset.path && isOutside(path, 'datasets/')) {
    throw new UserError('does not lie below datasets/ in the bucket of the deployment', {
      where: `dataset.path: ${path}`,
      remedy: `A run in the cloud takes its data from there: s3://${bucket}/datasets/<profile>/<file>.`,
    });
  }
  const before = otherFilesOf(request.config.dataset);
  for (const [kind, other] of Object.entries(otherFilesOf(config.dataset)) as [
    keyof OtherFiles,
    string | undefined,
  ][]) {
    if (other === undefined || other === before[kind] || !isOutside(other, 'validation/')) continue;
    throw new UserError('does not lie below validation/ in the bucket of the deployment', {
      where: `${otherFileSettings[kind]}: ${other}`,
      remedy: `A run in the cloud takes it from there: s3://${bucket}/validation/<file>.`,
    });
  }
  return config;
}

async function changeSettings(cloud: Cloud, run: string, given: readonly string[]): Promise<void> {
  const request = await readRequest(cloud.store, run);
  const overrides = given.map(parseOverride);
  const config = settingsThere(cloud, run, request, overrides);
  await changeRequest(cloud.store, run, request, { config, overrides });
}
