/** The JSON files of a comparison. */
import { z } from 'zod';
import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../../checkpoints/comparison-keys.ts';
import { decodeJson, encodeJson, readJson } from '../../checkpoints/json.ts';
import type { ComparedArm, ComparisonSettings } from '../../config/comparison.ts';
import { RunError } from '../../core/errors.ts';
import { mapInFlight } from '../../core/in-flight.ts';
import type { RunPlan, RunResult } from '../../decisions/comparison/design.ts';
import { storedConfigSchema } from '../records.ts';

const triedSchema = z.union([z.number(), z.string(), z.boolean()]);
const size = z.int().positive().nullable();

const armSchema: z.ZodType<ComparedArm> = z.strictObject({
  name: z.string(),
  changes: z.array(z.string()),
  config: storedConfigSchema,
});

const settingsSchema: z.ZodType<ComparisonSettings> = z.strictObject({
  name: z.string(),
  source: z.string(),
  runFile: z.string().nullable(),
  changes: z.array(z.string()),
  overrides: z.array(z.string()).default([]),
  reference: z.string(),
  arms: z.array(armSchema).min(2),
  tuned: z
    .strictObject({ key: z.string(), values: z.array(triedSchema), extensions: z.int().nonnegative() })
    .nullable(),
  seeds: z.strictObject({ tuning: z.array(z.int()), test: z.array(z.int()) }),
  sizes: z.array(size).min(1),
  epoch: z.enum(['best', 'last']),
  smallestEffect: z.number(),
  budget: z.strictObject({
    hours: z.number().optional(),
    usd: z.number().optional(),
    usdPerHour: z.number().optional(),
  }),
  parallel: z.int().positive().optional(),
  threads: z.int().positive(),
  keep: z.enum(['results', 'models']),
});

/** The content of `compare.json`. */
export const comparisonRequestSchema = z.strictObject({
  version: z.literal(1),
  settings: settingsSchema,
  /** Arms that were taken out of the compare file: there may be results of them, which would count again if they came back. */
  former: z.array(armSchema).optional(),
  /** What the data were when the comparison began: digests by the path that names the file. */
  data: z.record(z.string(), z.string()),
  /** Where runs find what the settings name, by path; absent, or not named here: at that path. */
  addresses: z.record(z.string(), z.string()).optional(),
  /** Rows of the data that may be trained on, and that are tested on; null where they are not known. */
  rows: z.strictObject({ training: z.int().nullable(), test: z.int().nullable() }),
  /** The number of times that it was begun or gone on with. */
  executions: z.int().positive(),
});
export type ComparisonRequest = z.infer<typeof comparisonRequestSchema>;

const planFields = {
  purpose: z.enum(['tuning', 'test']),
  arm: z.string(),
  size,
  tried: triedSchema.nullable(),
  seed: z.int(),
};
const planSchema = z.strictObject(planFields);

/** The content of `plans.json`: runs by name. */
const plansSchema = z.record(z.string(), planSchema);

const finite = z.number().nullable();

/** The content of a file in `results/`. */
const runResultSchema = z.strictObject({
  ...planFields,
  run: z.string(),
  status: z.enum(['done', 'diverged', 'failed', 'skipped']),
  reason: z.string(),
  value: finite,
  curve: z.array(finite),
  alphaSpread: z.strictObject({ first: finite, last: finite }),
  ratesChanged: z.boolean().optional(),
  seconds: z.number(),
  usd: finite,
});

/** The content of a comparison's `outcome.json`. */
export const comparisonOutcomeSchema = z.strictObject({
  outcome: z.enum(['judged', 'failed']),
  reason: z.string(),
  at: z.iso.datetime(),
});
export type ComparisonOutcome = z.infer<typeof comparisonOutcomeSchema>;

/** The stored settings of a comparison, and their version in the store. */
export interface StoredRequest {
  readonly request: ComparisonRequest;
  readonly etag: string;
}

/** Null where there is no such comparison. */
export async function readStoredRequest(store: ArtifactStore, comparison: string): Promise<StoredRequest | null> {
  const key = comparisonKeys.request(comparison);
  const stored = await store.get(key);
  if (!stored) return null;
  const remedy = 'Restore it from a copy, or give the comparison another name.';
  return { request: decodeJson(key, stored.bytes, comparisonRequestSchema, remedy), etag: stored.etag };
}

/** What is compared. @throws RunError when there is no such comparison. */
export async function readComparison(store: ArtifactStore, comparison: string): Promise<ComparisonRequest> {
  const stored = await readStoredRequest(store, comparison);
  if (!stored) throw new RunError('there is no such comparison', { where: `${store.label}/${comparison}` });
  return stored.request;
}

export const readPlans = async (store: ArtifactStore, comparison: string): Promise<Record<string, RunPlan>> =>
  (await readJson(store, comparisonKeys.plans(comparison), plansSchema, 'Delete it: it is written again.')) ?? {};

/** The plan of a run. @throws RunError when the comparison has none of that name. */
export async function readPlan(store: ArtifactStore, comparison: string, run: string): Promise<RunPlan> {
  const plan = (await readPlans(store, comparison))[run];
  if (!plan) throw new RunError('is no run of the comparison', { where: `${store.label}/${comparison}/runs/${run}` });
  return plan;
}

/** What a run came to; undefined where it is not known, or another run's result lies there. */
export async function readResult(
  store: ArtifactStore,
  comparison: string,
  run: string,
): Promise<RunResult | undefined> {
  const key = comparisonKeys.result(comparison, run);
  const result = await readJson(store, key, runResultSchema, 'Delete it: the run is done again.');
  return result?.run === run ? result : undefined;
}

export const writeResult = (store: ArtifactStore, comparison: string, result: RunResult): Promise<string> =>
  store.put(comparisonKeys.result(comparison, result.run), encodeJson(result));

/** Results that are read at a time. */
const resultsAtATime = 16;

/** What all runs so far came to, by name. Other files that lie there, such as a copy under another name, don't count. */
export async function readResults(store: ArtifactStore, comparison: string): Promise<RunResult[]> {
  const folder = comparisonKeys.results(comparison);
  const runs = (await store.list(folder)).flatMap((key) => /^([^/]+)\.json$/.exec(key.slice(folder.length))?.[1] ?? []);
  const found = await mapInFlight(runs, { count: resultsAtATime }, (run) => readResult(store, comparison, run));
  return found.filter((result) => result !== undefined);
}
