/** What the history of an execution tells. Pure, but for fetching it. */
import { GetExecutionHistoryCommand, type HistoryEvent, type SFNClient } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import type { ProgressEvent } from '../pipeline/context.ts';
import { type ComputeState, stateSchema } from '../pipeline/messages.ts';
import document from '../pipeline/pipeline.asl.json' with { type: 'json' };

/** Events of one page: more than a state of the workflow has, retries aside. */
const pageSize = 200;

/** The events after the one with this id, oldest first; `latest`: only those of the last page. */
export async function historyAfter(
  sfn: SFNClient,
  executionArn: string,
  lastId: number,
  { latest = false } = {},
): Promise<HistoryEvent[]> {
  const found: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(
      new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: pageSize, nextToken }),
    );
    const fresh = (page.events ?? []).filter(({ id }) => id! > lastId);
    found.push(...fresh);
    nextToken = fresh.length === page.events?.length && !latest ? page.nextToken : undefined;
  } while (nextToken !== undefined);
  return found.sort((a, b) => a.id! - b.id!);
}

/** The state of the workflow that an event enters; undefined for other events, and for the states of a map's items. */
const stateEntered = ({ stateEnteredEventDetails: details }: HistoryEvent): string | undefined =>
  details?.name !== undefined && details.name in document.States ? details.name : undefined;

/** The state that an execution is in, or ended in. */
export interface Standing {
  readonly state: string | undefined;
  /** The machine that it trains on; undefined before that is decided. */
  readonly compute: ComputeState | undefined;
}

const carriedSchema = z.looseObject({ compute: stateSchema.shape.compute });

function computeIn(text: string | undefined): ComputeState | undefined {
  try {
    return carriedSchema.parse(JSON.parse(text ?? '')).compute;
  } catch {
    return undefined;
  }
}

/** The last state that events enter, and the last machine that they tell of. */
export function standingOf(events: readonly HistoryEvent[]): Standing {
  let standing: Standing = { state: undefined, compute: undefined };
  for (const event of events) {
    const { stateEnteredEventDetails: entered, stateExitedEventDetails: exited } = event;
    standing = {
      state: stateEntered(event) ?? standing.state,
      compute: computeIn(entered?.input) ?? computeIn(exited?.output) ?? standing.compute,
    };
  }
  return standing;
}

const isFailedTry = ({ type }: HistoryEvent) =>
  /^(Task|LambdaFunction)(Failed|TimedOut|StartFailed|SubmitFailed)$/.test(type!);
const isTry = ({ type }: HistoryEvent) => type === 'TaskScheduled' || type === 'LambdaFunctionScheduled';

/** Turns events into what views show: states that are entered, and tries that follow a failed one. */
export function historyTeller(): (events: readonly HistoryEvent[]) => ProgressEvent[] {
  let state: string | undefined;
  let hasFailed = false;
  return (events) =>
    events.flatMap((event): ProgressEvent[] => {
      const entered = stateEntered(event);
      if (entered !== undefined) {
        state = entered;
        hasFailed = false;
        return [{ type: 'state', state }];
      }
      if (isFailedTry(event)) hasFailed = true;
      if (!isTry(event) || !hasFailed || state === undefined) return [];
      hasFailed = false;
      return [{ type: 'retry', state }];
    });
}
