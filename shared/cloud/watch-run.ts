/** Follows a run in the cloud, by its commits and by the history of its execution. */
import { readJson } from '../checkpoints/json.ts';
import { readHead, readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { UserError } from '../core/errors.ts';
import { describeBalance, inOneLine } from '../pipeline/balance-description.ts';
import type { ProgressEvent } from '../pipeline/context.ts';
import { epochEvent } from '../pipeline/epoch-event.ts';
import {
  explainOutcome,
  type OutcomeRecord,
  outcomeSchema,
  progressOf,
  readConfig,
  readMetrics,
  readRequest,
  readRunRecord,
  readSpectra,
} from '../pipeline/records.ts';
import { modelOfRun } from '../pipeline/run-model.ts';
import { currentOf, type Execution, executionsOf } from './executions.ts';
import { historyAfter, historyTeller } from './history.ts';
import type { Cloud } from './open-cloud.ts';
import { patiently } from './patiently.ts';
import { nameOf } from './runs.ts';

/** How a run was when its last execution had ended; no outcome: the execution was stopped, or failed before it could note one. */
export interface WatchedEnd {
  readonly execution: Execution;
  readonly outcome: OutcomeRecord | undefined;
}

/** How often a first execution, or the successor of one that has ended without an outcome, is looked for: lists lag behind. */
const mostIdleLooks = 5;

/**
 * Tells of the last commit and of everything from now on, until no execution is at the run any more. A failure that may pass,
 * as of a laptop's network, does not end it.
 * @param wait between looks.
 * @throws UserError when the run has no execution.
 */
export async function* watchRun(
  cloud: Pick<Cloud, 'store' | 'sfn' | 'stateMachine'>,
  run: string,
  wait: () => Promise<void>,
): AsyncGenerator<ProgressEvent, WatchedEnd> {
  const { store } = cloud;
  const { config } = await readRequest(store, run);
  const head = await readHead(store, run);
  yield { type: 'prepared', run: nameOf(run), epoch: head?.epoch ?? 0, epochs: config.training.epochs };
  const commits = commitTeller(cloud, run, (head?.epoch ?? 0) - 1);
  const states = stateTeller(cloud);
  const balance = balanceTeller(cloud, run);
  const look = patiently(async () => {
    const execution = currentOf(await executionsOf(cloud, run));
    const told = [...(execution ? await states(execution) : []), ...(await balance()), ...(await commits())];
    const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
    return { execution, told, outcome };
  });
  for (let idleLooks = 0; ; await wait()) {
    const seen = await look();
    if ('cutOff' in seen) {
      yield* seen.cutOff;
      continue;
    }
    const { execution, told, outcome } = seen;
    yield* told;
    if (execution?.status === 'RUNNING') continue;
    if (execution && (outcome || execution.status !== 'SUCCEEDED' || ++idleLooks === mostIdleLooks)) {
      if (outcome)
        yield { type: 'finished', run: nameOf(run), outcome: outcome.outcome, reason: explainOutcome(outcome) };
      return { execution, outcome };
    }
    if (!execution && ++idleLooks === mostIdleLooks) {
      throw new UserError('has no execution', {
        where: nameOf(run),
        remedy: `Start one by \`npx tempbalance cloud resume ${nameOf(run)}\`.`,
      });
    }
  }
}

/** What is balanced of the run's model, told once: as soon as Prepare has written the run's record. */
function balanceTeller({ store }: Pick<Cloud, 'store'>, run: string): () => Promise<ProgressEvent[]> {
  let isTold = false;
  return async () => {
    if (isTold || !(await store.get(runKeys.record(run)))) return [];
    isTold = true;
    const record = await readRunRecord(store, run);
    const described = describeBalance(modelOfRun(record), record);
    return described ? [{ type: 'warning', message: inOneLine(described) }] : [];
  };
}

/** The epochs committed since the last look. */
function commitTeller({ store }: Pick<Cloud, 'store'>, run: string, before: number): () => Promise<ProgressEvent[]> {
  let seen = before;
  return async () => {
    const head = await readHead(store, run);
    if (!head || head.epoch === seen) return [];
    const config = await readConfig(store, run);
    const told: ProgressEvent[] = [];
    for (let epoch = Math.min(seen, head.epoch - 1) + 1; epoch <= head.epoch; epoch++) {
      const manifest = await readManifest(store, run, epoch);
      if (!manifest) continue;
      const [progress, measured, spectra] = await Promise.all([
        progressOf(store, manifest),
        readMetrics(store, manifest),
        readSpectra(store, manifest),
      ]);
      told.push(epochEvent(run, config, { progress, measured, spectra }));
    }
    seen = head.epoch;
    return told;
  };
}

/** The states entered since the last look; of an execution that is new, the one it is in. */
function stateTeller({ sfn }: Pick<Cloud, 'sfn'>): (execution: Execution) => Promise<ProgressEvent[]> {
  let followed: { readonly arn: string; readonly tell: ReturnType<typeof historyTeller>; lastId: number } | undefined;
  return async ({ arn }) => {
    const isNew = followed?.arn !== arn;
    const current = followed && !isNew ? followed : { arn, tell: historyTeller(), lastId: 0 };
    const events = await historyAfter(sfn, arn, current.lastId, { latest: isNew });
    followed = current;
    current.lastId = events.at(-1)?.id ?? current.lastId;
    const told = current.tell(events);
    return isNew ? told.slice(-1) : told;
  };
}
