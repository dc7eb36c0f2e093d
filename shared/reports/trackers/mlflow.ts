/** MLflow's file store: a folder `mlruns` with one experiment, and the run in it. Stores of several runs can be copied into one. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import { type EpochPoint, scalarsOf, type TrackedRun, type Tracker, type TrackerPlace } from './tracker.ts';

/** The same in every store, so that runs of several lie in one experiment when they are copied together. */
const experiment = { id: '739205184620158137', name: 'tempbalance' } as const;

/** The most characters of a parameter in MLflow. */
const longestParameter = 6000;

/** MLflow's `RunStatus`. */
const statuses = { running: 1, finished: 3, failed: 4 } as const;

/** The id of a run, which stays when the run goes on here or elsewhere. */
const runIdOf = ({ name, begunAt }: TrackedRun): string =>
  createHash('sha256').update(`${name} ${begunAt}`).digest('hex').slice(0, 32);

const placeOf = ({ folder }: TrackerPlace, run: TrackedRun) => `${folder}/${experiment.id}/${runIdOf(run)}`;

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function textAt(store: ArtifactStore, key: string): Promise<string> {
  const stored = await store.get(key);
  return stored ? new TextDecoder().decode(stored.bytes) : '';
}

/** Settings by their paths: `training.learningRate`. */
function parametersOf(settings: unknown, path = ''): [string, string][] {
  if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) {
    return Object.entries(settings).flatMap(([key, inner]) =>
      parametersOf(inner, path === '' ? key : `${path}.${key}`),
    );
  }
  const text = typeof settings === 'string' ? settings : JSON.stringify(settings);
  return text === undefined ? [] : [[path, text.replaceAll(/\s+/g, ' ').slice(0, longestParameter)]];
}

/** PyYAML reads `no` and `12:30` as no text, unless they are quoted. */
const yamlOfPython = { version: '1.1' } as const;

const experimentMeta = ({ begunAt }: TrackedRun, folder: string) =>
  stringify(
    {
      artifact_location: folder,
      creation_time: Date.parse(begunAt),
      experiment_id: experiment.id,
      last_update_time: Date.parse(begunAt),
      lifecycle_stage: 'active',
      name: experiment.name,
    },
    yamlOfPython,
  );

const runMeta = (run: TrackedRun, status: number, endedAt: string | null) =>
  stringify(
    {
      artifact_uri: run.modelAddress,
      end_time: endedAt === null ? null : Date.parse(endedAt),
      entry_point_name: '',
      experiment_id: experiment.id,
      lifecycle_stage: 'active',
      run_id: runIdOf(run),
      run_name: run.name,
      run_uuid: runIdOf(run),
      source_name: '',
      source_type: 4,
      source_version: '',
      start_time: Date.parse(run.begunAt),
      status,
      tags: [],
      user_id: 'tempbalance',
    },
    yamlOfPython,
  );

/** Names of metrics as they are kept: MLflow takes letters, digits, `_`, `-`, `.`, `/` and spaces. */
const keyOf = (name: string) => name.replaceAll(/[^\w\-. /]/g, '_');

/** A metric's lines: milliseconds, value, step. */
const stepOf = (line: string) => Number(line.split(' ')[2]);

async function noteMetric(
  { store }: TrackerPlace,
  key: string,
  first: number,
  lines: readonly string[],
): Promise<void> {
  const before = (await textAt(store, key)).split('\n').filter((line) => line !== '' && stepOf(line) < first);
  await store.put(key, bytesOf([...before, ...lines, ''].join('\n')));
}

/** The lines that epochs add to each metric. */
function linesOf(epochs: readonly EpochPoint[]): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const point of epochs) {
    for (const [name, value] of scalarsOf(point)) {
      if (value === null) continue;
      const line = `${Date.parse(point.committedAt)} ${value} ${point.epoch}`;
      lines.set(name, [...(lines.get(name) ?? []), line]);
    }
  }
  return lines;
}

/** A metric that every epoch has. */
const always = 'training/seconds';

export const mlflow: Tracker = {
  name: 'mlflow',
  async noted(place, run) {
    const lines = (await textAt(place.store, `${placeOf(place, run)}/metrics/${always}`)).split('\n').filter(Boolean);
    return lines.length === 0 ? -1 : stepOf(lines.at(-1)!);
  },
  async note(place, run, epochs) {
    const { store, folder } = place;
    const [first] = epochs;
    if (!first) return;
    const at = placeOf(place, run);
    if (first.epoch === 0) {
      await store.put(`${folder}/${experiment.id}/meta.yaml`, bytesOf(experimentMeta(run, `${store.label}/${folder}`)));
      await store.put(`${at}/tags/mlflow.runName`, bytesOf(run.name));
      for (const [key, value] of parametersOf(run.config))
        await store.put(`${at}/params/${keyOf(key)}`, bytesOf(value));
    }
    // The metric that tells how far it is comes last: what was cut off before it is noted again.
    const lines = [...linesOf(epochs)].sort(([a], [b]) => Number(a === always) - Number(b === always));
    await store.put(`${at}/meta.yaml`, bytesOf(runMeta(run, statuses.running, null)));
    for (const [name, own] of lines) await noteMetric(place, `${at}/metrics/${keyOf(name)}`, first.epoch, own);
  },
  async end(place, run, { succeeded, at }) {
    if ((await this.noted(place, run)) < 0) return;
    const status = succeeded ? statuses.finished : statuses.failed;
    await place.store.put(`${placeOf(place, run)}/meta.yaml`, bytesOf(runMeta(run, status, at)));
  },
};
