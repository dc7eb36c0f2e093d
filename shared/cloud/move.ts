/** Runs that come from this machine, and go back to it. */

import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type RunPlace, refuseOtherHistory } from '../checkpoints/copy-run.ts';
import { sweepDrafts } from '../checkpoints/drafts.ts';
import { readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { refusePlugins } from '../config/plugins.ts';
import { UserError } from '../core/errors.ts';
import { onePath } from '../datasets/data-path.ts';
import { fingerprintFile } from '../datasets/fingerprint.ts';
import { type OtherFiles, ofOtherFiles, otherFilesOf } from '../datasets/registry.ts';
import { isAdapter } from '../models/hugging-face/adapter-config.ts';
import { weightsOf } from '../models/registry.ts';
import { moveRun, refuseOtherRun } from '../pipeline/move-run.ts';
import { readRequest, runRecordSchema } from '../pipeline/records.ts';
import { downloadInput, isFolderAddress, parseFolder } from './download-input.ts';
import { currentOf, executionsOf } from './executions.ts';
import type { Cloud } from './open-cloud.ts';
import { isProfileName, refuseAdapterFolder } from './profile.ts';
import { nameOf, runOf } from './runs.ts';
import { uploadDataset, uploadValidation, uploadWeights } from './upload.ts';

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** @throws UserError when an execution is at the run. */
export async function refuseRunning(cloud: Cloud, run: string): Promise<void> {
  const execution = currentOf(await executionsOf(cloud, run));
  if (execution?.status !== 'RUNNING') return;
  throw new UserError('is running', {
    where: nameOf(run),
    remedy: `Wait for its end (npx tempbalance cloud watch ${nameOf(run)}), or stop it: npx tempbalance cloud stop ${nameOf(run)}`,
  });
}

/** A file of data must be the one that the run has on record. @throws UserError when it is another. */
async function refuseOtherData(
  { store, run }: RunPlace,
  { path, kind }: { path: string; kind?: keyof OtherFiles },
): Promise<void> {
  const record = await readJson(store, runKeys.record(run), runRecordSchema);
  const recorded = kind ? record?.dataset[kind] : record?.dataset;
  if (!recorded || recorded.sha256 === (await fingerprintFile(path)).sha256) return;
  throw new UserError(`is not the ${kind ? `${kind} data` : 'data set'} that the run began with`, {
    where: path,
    remedy: `Give the file that it began with, of ${recorded.bytes} bytes.`,
  });
}

/**
 * Sends a run of this machine, with its data and weights, to the bucket; nothing is started. The run is to be locked.
 * @returns its key prefix there.
 * @throws UserError when the data are not there or not the run's, or the bucket has another run of the name.
 */
export async function pushRun(cloud: Cloud, local: RunPlace, now: Date): Promise<string> {
  const name = nameOf(local.run);
  const run = runOf(name);
  if (!isProfileName(name)) {
    throw new UserError('has a name that a deployment can\'t take: letters, digits, ".", "_" and "-", 60 at most', {
      where: name,
      remedy: 'Rename its folder.',
    });
  }
  const there = { store: cloud.store, run };
  await refuseRunning(cloud, run);
  await refuseOtherRun(local, there);
  const { config } = await readRequest(local.store, local.run);
  refusePlugins(config.plugins, name);
  const path = onePath(config.dataset.path, 'a deployed run');
  const weights = weightsOf(config.model);
  const others = otherFilesOf(config.dataset);
  await refuseOtherData(local, { path });
  await ofOtherFiles(others, (path, kind) => refuseOtherData(local, { path, kind }));
  if (weights !== undefined) refuseAdapterFolder(config.model, name, await isAdapter(weights));
  const dataset = await uploadDataset(cloud, path, name);
  const sentOthers = await ofOtherFiles(others, async (path) => (await uploadValidation(cloud, path)).address);
  const sent = weights !== undefined && (await isThere(weights)) ? await uploadWeights(cloud, weights) : undefined;
  const addresses = { dataset: dataset.address, others: sentOthers, weights: sent?.address, folder: 'runs' };
  await moveRun(local, there, addresses, now);
  return run;
}

/**
 * Fetches a whole run, with its data and weights, so that it can go on here. The run here is to be locked.
 * @param options.root holds the runs here.
 * @param options.dataset where the data set is on this machine; absent: it is fetched into the run's folder.
 * @throws UserError when the run is running, or there is another run of the name here.
 */
export async function fetchRun(
  cloud: Cloud,
  run: string,
  { local, root, dataset, now }: { local: RunPlace; root: string; dataset?: string | undefined; now: Date },
): Promise<void> {
  const there = { store: cloud.store, run };
  await refuseRunning(cloud, run);
  await refuseOtherRun(there, local);
  const { config } = await readRequest(cloud.store, run);
  const weights = weightsOf(config.model);
  const others = otherFilesOf(config.dataset);
  if (dataset !== undefined) await refuseOtherData(there, { path: dataset });
  const inputs = join(root, local.run, 'inputs');
  for (const folder of [inputs, join(inputs, 'validation'), join(inputs, 'test')]) await sweepDrafts(folder);
  await moveRun(
    there,
    local,
    {
      dataset: dataset ?? (await fetchInput(cloud, onePath(config.dataset.path, 'a deployed run'), inputs)),
      others: await ofOtherFiles(others, (path, kind) => fetchInput(cloud, path, join(inputs, kind))),
      weights: weights === undefined ? undefined : await fetchInput(cloud, weights, inputs),
      folder: root,
    },
    now,
  );
}

/** @returns where it is on this machine. */
async function fetchInput({ s3 }: Cloud, address: string, folder: string): Promise<string> {
  if (!address.startsWith('s3://')) return address;
  const path = join(folder, basename(isFolderAddress(address) ? parseFolder(address).prefix : parseS3Uri(address).key));
  await downloadInput(s3, address, path);
  return path;
}

/**
 * Fetches the exported model and the report into the run's folder.
 * @returns the files, by their keys.
 * @throws UserError when the run has not got that far, or the run of that name here is another, or farther.
 */
export async function fetchResults({ store }: Pick<Cloud, 'store'>, run: string, local: RunPlace): Promise<string[]> {
  await refuseOtherHistory({ store, run }, local);
  const keys = [...(await store.list(`${run}/model/`)), runKeys.report(run)];
  const fetched: string[] = [];
  for (const key of keys) {
    const object = await store.get(key);
    const file = key.slice(run.length + 1);
    if (!object) continue;
    await local.store.put(`${local.run}/${file}`, object.bytes);
    fetched.push(file);
  }
  if (fetched.length > 0) return fetched;
  throw new UserError('has no model yet: it is exported when the run ends', {
    where: nameOf(run),
    remedy: `See how far it is: npx tempbalance cloud status ${nameOf(run)}. --all fetches what is committed.`,
  });
}
