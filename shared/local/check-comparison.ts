/** Whether the runs of a comparison could begin: their data and models are opened before any is started. */
import { type ComparisonSettings, designOf, runConfigOf, runNameOf } from '../config/comparison.ts';
import { messageOf, UserError } from '../core/errors.ts';
import { fingerprintFile } from '../datasets/fingerprint.ts';
import { otherFilesOf } from '../datasets/registry.ts';
import { nextRuns } from '../decisions/comparison/next-runs.ts';
import { weightsOf } from '../models/registry.ts';
import { refuseUnchangingRates } from '../pipeline/balance-description.ts';
import type { ComparisonRequest } from '../pipeline/comparison/records.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { fingerprintBase } from '../pipeline/run-base.ts';

type Rows = ComparisonRequest['rows'];

/**
 * Opens data and model of the first run of every arm and size.
 * @returns how many rows there are to train and to test on
 * @throws UserError with every problem that there is, each once.
 */
export async function checkComparison(
  settings: ComparisonSettings,
  ctx: Pick<TaskContext, 'planWorkload'>,
  warn: (message: string) => void,
): Promise<Rows> {
  const { arms, sizes, tuned, seeds } = settings;
  const problems = new Map<string, string[]>();
  const notes = new Map<string, string[]>();
  const add = (to: Map<string, string[]>, message: string, name: string) =>
    to.set(message, [...(to.get(message) ?? []), name]);
  let rows: Rows | undefined;
  for (const size of sizes) {
    for (const arm of arms) {
      const plan = {
        purpose: 'test',
        arm: arm.name,
        size,
        tried: tuned?.values[0] ?? null,
        seed: seeds.test[0]!,
      } as const;
      const config = runConfigOf(settings, plan, '.');
      try {
        const workload = await ctx.planWorkload(config);
        refuseUnchangingRates({ config, dataset: { ...workload.data, stepsPerEpoch: workload.stepsPerEpoch } });
        if (!rows) await workload.initial();
        rows ??= { ...rowsOf(workload.data), ...(size === null ? {} : { training: null }) };
        for (const note of workload.warnings ?? []) add(notes, note, runNameOf(plan));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        add(problems, messageOf(error), runNameOf(plan));
      }
    }
  }
  for (const [note] of notes) warn(note);
  if (problems.size === 0) return rows!;
  const lines = [...problems].map(([message, runs]) => `  ${message}\n      (${listed(runs)})`);
  throw new UserError(`${settings.source} can't be begun:\n\n${lines.join('\n')}`);
}

function rowsOf(data: Readonly<Record<string, unknown>>): Rows {
  const { trainingSamples, testSamples } = data as { trainingSamples?: number; testSamples?: number };
  return { training: trainingSamples ?? null, test: testSamples ?? null };
}

const listed = (runs: readonly string[], most = 3) =>
  runs.length > most ? `${runs.slice(0, most).join(', ')} and ${runs.length - most} more runs` : runs.join(', ');

/** The addresses of what runs read: data files, and what their models begin with. */
export interface InputAddresses {
  readonly data: readonly string[];
  readonly weights: readonly string[];
}

export function inputsOf({ arms }: Pick<ComparisonSettings, 'arms'>): InputAddresses {
  const data = arms.flatMap(({ config: { dataset } }) => {
    const { validation = [], test = [] } = otherFilesOf(dataset);
    return [dataset.path, validation, test].flat();
  });
  const weights = arms.flatMap(({ config: { model } }) => {
    const { base = [] } = model.family === 'huggingface' ? model : {};
    return [weightsOf(model) ?? [], base].flat();
  });
  return { data: [...new Set(data)], weights: [...new Set(weights)] };
}

/** What identifies the content of all that runs read, by address. @throws UserError when one can't be read. */
export async function fingerprintInputs(
  { data, weights }: InputAddresses,
  localPath: TaskContext['localPath'],
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const address of data) found[address] = (await fingerprintFile(await localPath(address))).sha256;
  for (const address of weights) found[address] = await fingerprintWeights(await localPath(address));
  return found;
}

/** A folder of a fresh model has none: what it is follows from its configuration, which every run has on record. */
async function fingerprintWeights(path: string): Promise<string> {
  try {
    return (await fingerprintBase(path)).sha256;
  } catch (error) {
    if (error instanceof UserError) return 'none';
    throw error;
  }
}

/** How many runs a comparison begins with, and how many it has in all unless values are extended. */
export function countRuns(settings: ComparisonSettings): { tuning: number; test: number } {
  const design = designOf(settings);
  const first = nextRuns(design, []).runs;
  const each = design.arms.length * design.sizes.length;
  return { tuning: design.tuned ? first.length : 0, test: each * design.seeds.test.length };
}
