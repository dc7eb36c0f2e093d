/** How runs stand: what their folders say, and what their executions say. */
import type { ExecutionStatus } from '@aws-sdk/client-sfn';
import { readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { messageOf } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import { secondsLeft } from '../decisions/spending.ts';
import type { ComputeState } from '../pipeline/messages.ts';
import { approvalSchema, readPublication } from '../pipeline/publication.ts';
import { outcomeSchema, readRequest } from '../pipeline/records.ts';
import { type RunSummary, summariseRun } from '../pipeline/run-summary.ts';
import { activeRuns, consoleAddress, currentOf, type Execution, executionsOf } from './executions.ts';
import { historyAfter, standingOf } from './history.ts';
import type { Cloud } from './open-cloud.ts';
import { listCloudRuns, nameOf, runOf } from './runs.ts';

/** `stopped`: no execution is at the run, and it has not ended. */
export type RunState = RunSummary['outcome'] | 'stopped';

/** A run's own outcome, unless an execution is at it again, or none is at it any more. */
export function stateOf(outcome: RunSummary['outcome'], isActive: boolean): RunState {
  if (isActive) return 'running';
  return outcome === 'running' ? 'stopped' : outcome;
}

export type CloudRunLine =
  | (RunSummary & { readonly state: RunState })
  | { readonly run: string; readonly unreadable: string };

const runsAtATime = 8;

/** Every run in a line. */
export async function cloudRuns(cloud: Cloud): Promise<CloudRunLine[]> {
  const [names, active] = await Promise.all([listCloudRuns(cloud), activeRuns(cloud)]);
  return mapInFlight(names, { count: runsAtATime }, async (name): Promise<CloudRunLine> => {
    try {
      const summary = await summariseRun(cloud.store, runOf(name));
      return { ...summary, run: name, state: stateOf(summary.outcome, active.has(runOf(name))) };
    } catch (error) {
      return { run: name, unreadable: messageOf(error) };
    }
  });
}

export interface CloudRunStatus extends RunSummary {
  readonly state: RunState;
  readonly execution: {
    readonly name: string;
    readonly status: ExecutionStatus;
    readonly startedAt: string;
    readonly at: string | null;
    readonly console: string;
  } | null;
  readonly machine: Pick<ComputeState, 'target' | 'market' | 'interruptions'> | null;
  readonly budget: { readonly hours: number | null; readonly usd: number | null; readonly secondsLeft: number | null };
  /** What became of the model, or until when somebody is waited for; null where it is not to be published. */
  readonly publication: string | null;
  readonly error: string | null;
  readonly address: string;
}

/** Everything about one run; how it ended before is not told of one that an execution is at again. */
export async function cloudRunStatus(cloud: Cloud, run: string): Promise<CloudRunStatus> {
  const { store, sfn } = cloud;
  const [summary, { config }, outcome, publication, approval, executions] = await Promise.all([
    summariseRun(store, run),
    readRequest(store, run),
    readJson(store, runKeys.outcome(run), outcomeSchema),
    readPublication({ store }, run),
    readJson(store, runKeys.approval(run), approvalSchema),
    executionsOf(cloud, run),
  ]);
  const execution = currentOf(executions);
  const isActive = execution?.status === 'RUNNING';
  const standing = execution && standingOf(await historyAfter(sfn, execution.arn, 0, { latest: true }));
  const spent = { seconds: summary.seconds, usd: summary.usd ?? undefined };
  const left = secondsLeft(spent, config.budget, standing?.compute?.price);
  const { target, market, interruptions } = standing?.compute ?? {};
  return {
    ...summary,
    run: nameOf(run),
    state: stateOf(summary.outcome, isActive),
    reason: isActive ? '' : summary.reason,
    execution: execution ? described(execution, standing?.state) : null,
    machine: target && market ? { target, market, interruptions: interruptions ?? 0 } : null,
    budget: {
      hours: config.budget.hours ?? null,
      usd: config.budget.usd ?? null,
      secondsLeft: Number.isFinite(left) ? left : null,
    },
    publication: approval
      ? `waits for approval until ${approval.until}: npx tempbalance cloud approve ${nameOf(run)}`
      : publication
        ? [publication.status, publication.address].filter(Boolean).join(', ')
        : null,
    error: (isActive ? undefined : outcome?.error?.message) ?? null,
    address: `${store.label}/${run}/`,
  };
}

const described = (execution: Execution, state: string | undefined) => ({
  name: execution.name,
  status: execution.status,
  startedAt: execution.startedAt.toISOString(),
  at: state ?? null,
  console: consoleAddress(execution),
});
