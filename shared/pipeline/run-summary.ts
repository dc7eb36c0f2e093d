import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readJson } from '../checkpoints/json.ts';
import { readHead, readHeadManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { balanceInAWord } from '../config/run-file.ts';
import type { Outcome, Progress } from '../decisions/decide.ts';
import { spentUsd } from '../decisions/spending.ts';
import { explainOutcome, outcomeSchema, readConfig, readProgress, readRequest } from './records.ts';

/** A run in a line. */
export interface RunSummary {
  readonly run: string;
  readonly outcome: Outcome;
  readonly reason: string;
  /** The last committed epoch; null before the first commit. */
  readonly epoch: number | null;
  readonly epochs: number;
  readonly metric: string;
  readonly best: Progress['best'];
  /** `off`, or the preset, or the map from values of layers to factors, with the control in brackets. */
  readonly balance: string;
  readonly learningRate: number;
  readonly seed: number;
  readonly seconds: number;
  /** What its commits have counted, in US dollars; null where nothing is metered. */
  readonly usd: number | null;
}

/** @throws RunError when there is no such run or what is committed of it is damaged. */
export async function summariseRun(store: ArtifactStore, run: string): Promise<RunSummary> {
  const { config } = await readRequest(store, run);
  const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
  const head = await readHead(store, run);
  const progress = head && (await readProgress(store, await readHeadManifest(store, run)));
  // Settings may leave some open until the data have been read.
  const settled = head ? await readConfig(store, run) : config;
  return {
    run,
    outcome: outcome?.outcome ?? 'running',
    reason: outcome ? explainOutcome(outcome) : '',
    epoch: progress?.epoch ?? null,
    epochs: config.training.epochs,
    metric: settled.convergence.metric,
    best: progress?.best ?? null,
    balance: balanceInAWord(settled),
    learningRate: settled.training.learningRate,
    seed: settled.training.seed,
    seconds: progress?.seconds ?? 0,
    usd: (progress && spentUsd(progress, config.budget)) ?? null,
  };
}
