/** How long an execution's history gets: AWS ends one of 25,000 events, so that a long run needs several. */
import { mostTries } from '../decisions/compute.ts';
import type { Decision } from '../decisions/decide.ts';
import document from './pipeline.asl.json' with { type: 'json' };

/** Shards of an analysis at most. */
export const mostShards = 16;

interface DocumentState {
  readonly Type: string;
  readonly Resource?: string;
  readonly Retry?: readonly { readonly MaxAttempts: number }[];
  readonly ItemProcessor?: { readonly States: Readonly<Record<string, DocumentState>> };
}
type StateName = keyof typeof document.States;
const states: Readonly<Record<string, DocumentState>> = document.States;

/** Scheduled, started, ended: what each try of a task adds. */
const eventsPerTry = 3;

/** Entered, scheduled, started, ended, exited; a service integration is submitted besides. */
function eventsOfTask({ Resource = '', Retry = [] }: DocumentState, retries: boolean): number {
  const submitted = Resource.endsWith('Resource}') ? 1 : 0;
  const tries = 1 + (retries ? Retry.reduce((sum, { MaxAttempts }) => sum + MaxAttempts, 0) : 0);
  return 2 + tries * (eventsPerTry + submitted);
}

function eventsOfState(state: DocumentState, items: number, retries: boolean): number {
  switch (state.Type) {
    case 'Task':
      return eventsOfTask(state, retries);
    case 'Map': {
      const inner = Object.values(state.ItemProcessor!.States);
      return 4 + items * (2 + inner.reduce((sum, each) => sum + eventsOfState(each, 0, retries), 0));
    }
    default:
      return 2;
  }
}

/** Events of passing through these states of the document once; with `retries`, when every task needs all of its tries. */
export function eventsOf(names: readonly StateName[], { items = 0, retries = true } = {}): number {
  return names.reduce((sum, name) => sum + eventsOfState(states[name]!, items, retries), 0);
}

/** Until the first training task. */
export const eventsOfStart = (): number => 1 + eventsOf(['Prepare', 'Where to begin?']);

/** The events of one training job. */
export const eventsOfJob = (): number => eventsOf(['TrainEpoch', 'CollectEpoch', 'Trained?']);

/** The events from an attempt to the decision after its commit. */
export const eventsOfCommit = (shards: number): number =>
  eventsOf(['PlanAnalysis', 'AnalyseShards', 'SetRates', 'Checkpoint', 'Continue?'], { items: shards });

/**
 * Whether one more epoch might make a history of `events` longer than `limit`, in the worst case.
 * @param options.tests whether the run ends with jobs that measure it on test data
 */
export function isHistoryFull(events: number, limit: number, { tests = false } = {}): boolean {
  const epoch = mostTries * eventsOfJob() + eventsOfCommit(mostShards);
  const test = tests ? mostTries * eventsOfJob() : 0;
  const end =
    eventsOf(['Finalise', 'Publish?', 'AskApproval', 'Publish', 'Successor', 'RecordFailure', 'Failed?', 'Outcome?']) +
    4;
  return events + epoch + test + end > limit;
}

/** The decision, except that what is to be trained is trained by the next execution when the history is full. */
export const handedOverWhenFull = (
  decision: Decision,
  events: number,
  limit: number,
  options?: { tests: boolean },
): Decision =>
  decision.next === 'train' && isHistoryFull(events, limit, options) ? { ...decision, next: 'handOver' } : decision;
