import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PbfReader } from 'pbf';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { fileStore } from '../../shared/checkpoints/file-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { readEpochPoints } from '../../shared/pipeline/epoch-points.ts';
import { epochsCsv } from '../../shared/reports/epochs-csv.ts';
import { maskedCrc32c } from '../../shared/reports/trackers/tensorboard.ts';
import { fakeConfig, fakeContext, requestRun, run } from '../support/fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from '../support/fake-workload.ts';
import { temporaryFolder } from '../support/small-run.ts';

const trackers = ['tensorboard', 'mlflow'] as const;
const config = (epochs = 3, changes: Record<string, Record<string, unknown>> = {}) =>
  fakeConfig({ training: { epochs, learningRate: 0.01 }, output: { trackers }, ...changes });

let processes = 0;

/** Asks for the settings, and runs the workflow as a new process would. */
async function execute(
  store: ArtifactStore,
  asked: ReturnType<typeof config>,
  { stops = false, behaviour = {} as FakeBehaviour, events = [] as ProgressEvent[] } = {},
) {
  await requestRun(store, asked);
  const context = fakeContext(store, fakeWorkload({ stepsPerEpoch: 2, ...behaviour }), {
    process: `t${processes++}`,
    events,
  });
  return runPipeline(run, context, () => stops, { retryDelay: 0 });
}

interface Point {
  readonly tag: string;
  readonly step: number;
  readonly value: number;
}

/** The scalars of an event file, whose checksums must be right. */
function scalarsIn(bytes: Uint8Array): Point[] {
  const file = Buffer.from(bytes);
  const points: Point[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(maskedCrc32c(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data));
    const point = { tag: '', step: 0, value: Number.NaN };
    const read = (tag: number, _: unknown, pbf: PbfReader): void => {
      if (tag === 2) point.step = pbf.readVarint();
      if (tag === 5) pbf.readMessage((inner) => inner === 1 && pbf.readMessage(readValue, null), null);
    };
    const readValue = (tag: number, _: unknown, pbf: PbfReader): void => {
      if (tag === 1) point.tag = pbf.readString();
      if (tag === 2) point.value = pbf.readFloat();
    };
    new PbfReader(data).readFields(read, null);
    if (point.tag) points.push(point);
    at += 16 + length;
  }
  return points;
}

const textOf = async (store: ArtifactStore, key: string) => new TextDecoder().decode((await store.get(key))!.bytes);

async function tensorboardPoints(store: ArtifactStore): Promise<Point[]> {
  const keys = await store.list(`${run}/trackers/tensorboard/`);
  const files = await Promise.all(keys.map(async (key) => (await store.get(key))!.bytes));
  return files.flatMap(scalarsIn);
}

async function mlflowFile(store: ArtifactStore, ending: string): Promise<string> {
  const keys = await store.list(`${run}/trackers/mlruns/`);
  return textOf(store, keys.find((key) => key.endsWith(ending))!);
}

const stepsOf = (points: readonly Point[], tag: string) =>
  points.filter((point) => point.tag === tag).map(({ step }) => step);

it('knows the checksum of TFRecord files', () => {
  // CRC-32C of 123456789 is e3069283 (RFC 3720's polynomial), masked as in tensorflow/core/lib/hash/crc32c.h.
  const code = 0xe3069283;
  expect(maskedCrc32c(new TextEncoder().encode('123456789'))).toBe((((code >>> 15) | (code << 17)) + 0xa282ead8) >>> 0);
});

it('writes epochs, steps and layers for TensorBoard, and numbers, settings and the end for MLflow', async () => {
  const store = memoryStore();
  expect((await execute(store, config())).status).toBe('done');
  const points = await tensorboardPoints(store);
  expect(stepsOf(points, 'validation/nRMSE')).toEqual([0, 1, 2, 3]);
  expect(stepsOf(points, 'training/loss')).toEqual([1, 2, 3]);
  expect(stepsOf(points, 'steps/loss')).toEqual([1, 2, 3, 4, 5, 6]);
  expect(stepsOf(points, 'rate factor by layer/fc0')).toEqual([1, 2, 3]);
  const [, second] = await readEpochPoints(store, run);
  const found = points.find(({ tag, step }) => tag === 'validation/nRMSE' && step === 1);
  expect(found!.value).toBe(Math.fround(second!.metrics.nRMSE!));

  const lines = (await mlflowFile(store, '/metrics/validation/nRMSE')).trim().split('\n');
  expect(lines.map((line) => line.split(' ').map(Number))).toEqual([
    [expect.any(Number), expect.any(Number), 0],
    [Date.parse(second!.committedAt), second!.metrics.nRMSE, 1],
    [expect.any(Number), expect.any(Number), 2],
    [expect.any(Number), expect.any(Number), 3],
  ]);
  expect(await mlflowFile(store, '/params/training.learningRate')).toBe('0.01');
  const meta = parse(await mlflowFile(store, '0158137/meta.yaml'));
  expect(meta).toMatchObject({ experiment_id: '739205184620158137', name: 'tempbalance', lifecycle_stage: 'active' });
  const keys = await store.list(`${run}/trackers/mlruns/`);
  const ofRun = parse(await textOf(store, keys.find((key) => /\/[0-9a-f]{32}\/meta\.yaml$/.test(key))!));
  expect(ofRun).toMatchObject({
    status: 3,
    run_name: 'fake',
    experiment_id: '739205184620158137',
    end_time: expect.any(Number),
  });
  expect(ofRun.run_id).toBe(ofRun.run_uuid);
});

it('goes on in a resumed run without a point twice, also where epochs are trained again or trackers are asked for late', async () => {
  const parted = memoryStore();
  await execute(parted, fakeConfig({ training: { epochs: 3, learningRate: 0.01 } }), { stops: true });
  for (let process = 0; process < 3; process++) await execute(parted, config(), { stops: true });
  await execute(parted, config());
  const points = await tensorboardPoints(parted);
  expect(stepsOf(points, 'validation/nRMSE')).toEqual([0, 1, 2, 3]);
  expect(stepsOf(points, 'steps/loss')).toEqual([1, 2, 3, 4, 5, 6]);

  // The last epoch is damaged: it is trained again.
  const [manifest] = (await parted.list(`${run}/epochs/0003/`)).filter((key) => key.endsWith('model.safetensors'));
  await parted.put(manifest!, new Uint8Array(3));
  await execute(parted, config(4));
  expect(stepsOf(await tensorboardPoints(parted), 'validation/nRMSE')).toEqual([0, 1, 2, 3, 4]);
  const lines = (await mlflowFile(parted, '/metrics/validation/nRMSE')).trim().split('\n');
  expect(lines.map((line) => Number(line.split(' ')[2]))).toEqual([0, 1, 2, 3, 4]);
  expect((await mlflowFile(parted, '/metrics/training/loss')).trim().split('\n')).toHaveLength(4);
});

it('says how a diverged run ended, and that what could not be written costs no run', async () => {
  const store = memoryStore();
  await execute(store, config(), { behaviour: { diverges: (epoch) => epoch === 2 } });
  const keys = await store.list(`${run}/trackers/mlruns/`);
  const meta = parse(await textOf(store, keys.find((key) => /\/[0-9a-f]{32}\/meta\.yaml$/.test(key))!));
  expect(meta.status).toBe(4);

  const events: ProgressEvent[] = [];
  const full = memoryStore();
  const failing: ArtifactStore = {
    ...full,
    put: async (key, bytes) => {
      if (key.includes('/trackers/')) throw new Error('the disk is full');
      return full.put(key, bytes);
    },
  };
  expect((await execute(failing, config(1), { events })).status).toBe('done');
  expect(events).toContainEqual({
    type: 'warning',
    message: 'output.trackers: tensorboard could not be written: the disk is full',
  });
});

it('writes metrics of several runs by epoch as CSV', async () => {
  const store = memoryStore();
  await execute(store, config(1));
  const epochs = await readEpochPoints(store, run);
  const other = { ...epochs[0]!, metrics: { accuracy: 0.5 } };
  const [head, ...rows] = epochsCsv([
    { run: 'a,b', seed: 1, balance: 'off', epochs },
    { run: 'c', seed: 2, balance: 'llr', epochs: [other] },
  ]).split('\r\n');
  expect(head).toMatch(
    /^run,seed,balance,epoch,training\/loss,validation\/nRMSE,validation\/RMSE,.*validation\/accuracy$/,
  );
  expect(rows).toHaveLength(4);
  expect(rows[0]).toMatch(/^"a,b",1,off,0,,[\d.]+,/);
  expect(rows[2]).toMatch(/^c,2,llr,0,,,,.*,0\.5$/);
});

const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
const hasModule = (name: string) =>
  spawnSync(python, ['-c', `import importlib.util as u; exit(u.find_spec('${name}') is None)`]).status === 0;

/** What the programs themselves read of a run in a folder. */
async function readBy(script: string): Promise<unknown> {
  const root = await temporaryFolder();
  const store = fileStore(root);
  await execute(store, config());
  const { status, stdout, stderr } = spawnSync(python, ['-c', script, join(root, run, 'trackers')], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const points = await readEpochPoints(store, run);
  return {
    read: JSON.parse(stdout),
    expected: points.map(({ epoch, metrics }) => [epoch, expect.closeTo(metrics.nRMSE!, 5)]),
  };
}

// Where Python has no tensorboard (pip install tensorboard), the checks above are all there is.
it.skipIf(!hasModule('tensorboard'))('is read by TensorBoard', async () => {
  const { read, expected } = (await readBy(`
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1] + '/tensorboard'); events.Reload()
print(json.dumps([[e.step, e.value] for e in events.Scalars('validation/nRMSE')]))
`)) as { read: unknown; expected: unknown };
  expect(read).toEqual(expected);
});

// Where Python has no mlflow (pip install mlflow), the checks above are all there is.
it.skipIf(!hasModule('mlflow'))('is read by MLflow', async () => {
  const { read, expected } = (await readBy(`
import json, sys
from mlflow.tracking import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1] + '/mlruns')
experiment = client.get_experiment_by_name('tempbalance')
[run] = client.search_runs([experiment.experiment_id])
assert run.info.status == 'FINISHED' and run.data.params['training.learningRate'] == '0.01'
print(json.dumps([[m.step, m.value] for m in client.get_metric_history(run.info.run_id, 'validation/nRMSE')]))
`)) as { read: unknown; expected: unknown };
  expect(read).toEqual(expected);
});
