/** Moving a run between a laptop and a deployment: its files as they are, its settings with the addresses of the new place. */
import { copyRun, type RunPlace, refuseOtherHistory } from '../checkpoints/copy-run.ts';
import { encodeJson, readJson } from '../checkpoints/json.ts';
import { readHead } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { describeChanges } from '../config/changes.ts';
import { overrideSettings, parseOverride } from '../config/parse-run-file.ts';
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { type OtherFiles, otherFilesOf, withDataPaths } from '../datasets/registry.ts';
import { weightsOf, withWeights } from '../models/registry.ts';
import { type Handover, isSameData, type RunRecord, type RunRequest, readRequest, runRecordSchema } from './records.ts';

/** The paths of things at the new place. */
export interface Addresses {
  readonly dataset: string;
  /** Of files to validate and to test on; absent: as before, as for weights. */
  readonly others?: OtherFiles;
  readonly weights?: string | undefined;
  /** The folder of the runs: `output.folder`. */
  readonly folder: string;
  /** The run file; absent: there is none. */
  readonly source?: string | undefined;
}

/** Settings with other addresses, and nothing else changed. */
function relocate(config: RunConfig, { dataset, others = {}, weights, folder }: Addresses): RunConfig {
  const { model } = config;
  const { validation, test } = otherFilesOf(config.dataset);
  return {
    ...config,
    model: weightsOf(model) === undefined || weights === undefined ? model : withWeights(model, weights),
    dataset: withDataPaths(config.dataset, dataset, {
      validation: validation && others.validation,
      test: test && others.test,
    }),
    output: { ...config.output, folder },
  };
}

/** A base that is the model's folder is where that is. */
function withBase(
  adapter: NonNullable<RunRecord['adapter']>,
  before: RunConfig,
  after: RunConfig,
): RunRecord['adapter'] {
  if (adapter.base.path !== weightsOf(before.model)) return adapter;
  return { ...adapter, base: { ...adapter.base, path: weightsOf(after.model)! } };
}

/** What makes an uncommitted run the same at both places: its settings but for addresses, and its data where that is on record. */
async function isSameRequest(from: RunPlace, to: RunPlace): Promise<boolean> {
  const places = [from, to];
  const requests = await Promise.all(places.map(({ store, run }) => readRequest(store, run)));
  const records = await Promise.all(
    places.map(({ store, run }) => readJson(store, runKeys.record(run), runRecordSchema)),
  );
  const [data, otherData] = records.map((record) => record?.dataset);
  if (data && otherData && !isSameData(data, otherData)) return false;
  const [before, after] = requests.toSorted((a, b) => a.overrides.length - b.overrides.length) as [
    RunRequest,
    RunRequest,
  ];
  if (!before.overrides.every((override, index) => after.overrides[index] === override)) return false;
  const since = after.overrides.slice(before.overrides.length).map(parseOverride);
  const config = overrideSettings(before.config, since, { label: `${to.run}/request.json` });
  return describeChanges(relocate(config, nowhere), relocate(after.config, nowhere)).length === 0;
}

const nowhere: Addresses = {
  dataset: 'data',
  others: { validation: 'validation', test: 'test' },
  weights: 'weights',
  folder: 'runs',
};

/**
 * A run of the same name there is the same one, and not farther, or there is none.
 * @throws UserError otherwise.
 */
export async function refuseOtherRun(from: RunPlace, to: RunPlace): Promise<void> {
  await refuseOtherHistory(from, to);
  const isBegun = await to.store.get(runKeys.request(to.run));
  if (!isBegun || (await readHead(to.store, to.run)) || (await isSameRequest(from, to))) return;
  throw new UserError('there is a run of this name with other settings or data, which has committed nothing yet', {
    where: `${to.store.label}/${to.run}`,
    remedy: `Go on with that one, or move it out of the way (this one is ${from.store.label}/${from.run}).`,
  });
}

/**
 * Copies a run, rewriting where its inputs and outputs are: in what is asked for, and in what is on record, so that the run
 * goes on as the same one. The fingerprint on record stays, and Prepare holds the data at the new place to it.
 * @param options.copyFile as for `copyRun`.
 * @param options.handedOver is noted in the request; absent: a person moves the run, and what the request has of the kind is left out.
 * @throws UserError when the target has a run of the same name that is another, or is farther.
 */
export async function moveRun(
  from: RunPlace,
  to: RunPlace,
  addresses: Addresses,
  at: Date,
  options: { readonly copyFile?: (file: string) => Promise<void>; readonly handedOver?: Handover } = {},
): Promise<void> {
  await refuseOtherRun(from, to);
  const { source: _, handedOver: __, ...request } = await readRequest(from.store, from.run);
  const record = await readJson(from.store, runKeys.record(from.run), runRecordSchema);
  const { source, dataset: path } = addresses;
  const asked = {
    ...request,
    config: relocate(request.config, addresses),
    ...(source === undefined ? {} : { source }),
    ...(options.handedOver ? { handedOver: options.handedOver } : {}),
  };
  const replaced: Record<string, Uint8Array> = { 'request.json': encodeJson(asked) };
  if (record) {
    const config = relocate(record.config, addresses);
    const moved = [`moved from ${from.store.label}/${from.run}`, ...describeChanges(record.config, config)];
    replaced['run.json'] = encodeJson({
      ...record,
      config,
      dataset: { ...record.dataset, path },
      ...(record.adapter ? { adapter: withBase(record.adapter, record.config, config) } : {}),
      history: [...record.history, ...moved.map((what) => ({ at: at.toISOString(), what }))],
    });
  }
  await copyRun(from, to, replaced, options.copyFile);
}
