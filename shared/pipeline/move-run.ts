/** Moving a run between a laptop and a deployment: its files as they are, its settings with the addresses of the new place. */
import { copyRun, type RunPlace } from '../checkpoints/copy-run.ts';
import { encodeJson, readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { describeChanges } from '../config/changes.ts';
import type { RunConfig } from '../config/run-file.ts';
import { weightsOf, withWeights } from '../models/registry.ts';
import { readRequest, runRecordSchema } from './records.ts';

/** Where things are at the new place. */
export interface Addresses {
  readonly dataset: string;
  /** Absent: as before. */
  readonly weights?: string | undefined;
  /** Of the runs: `output.folder`. */
  readonly folder: string;
  /** The run file; absent: there is none. */
  readonly source?: string | undefined;
}

/** Settings with other addresses, and nothing else changed. */
function relocate(config: RunConfig, { dataset, weights, folder }: Addresses): RunConfig {
  const { model } = config;
  return {
    ...config,
    model: weightsOf(model) === undefined ? model : withWeights(model, weights),
    dataset: { ...config.dataset, path: dataset },
    output: { ...config.output, folder },
  };
}

/**
 * Copies a run, rewriting where its inputs and outputs are: in what is asked for, and in what is on record, so that the run
 * goes on as the same one. The fingerprint on record stays, and Prepare holds the data at the new place to it.
 * @throws UserError when the target has a run of the same name that is another, or is farther.
 */
export async function moveRun(from: RunPlace, to: RunPlace, addresses: Addresses, at: Date): Promise<void> {
  const { source: _, ...request } = await readRequest(from.store, from.run);
  const record = await readJson(from.store, runKeys.record(from.run), runRecordSchema);
  const { source, dataset: path } = addresses;
  const asked = {
    ...request,
    config: relocate(request.config, addresses),
    ...(source === undefined ? {} : { source }),
  };
  const replaced: Record<string, Uint8Array> = { 'request.json': encodeJson(asked) };
  if (record) {
    const config = relocate(record.config, addresses);
    const moved = [`moved from ${from.store.label}/${from.run}`, ...describeChanges(record.config, config)];
    replaced['run.json'] = encodeJson({
      ...record,
      config,
      dataset: { ...record.dataset, path },
      history: [...record.history, ...moved.map((what) => ({ at: at.toISOString(), what }))],
    });
  }
  await copyRun(from, to, replaced);
}
