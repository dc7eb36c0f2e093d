/** Sends a run file with its data and weights to a deployment, and starts a run of them. */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { nameFrom } from '../config/default-name.ts';
import { loadRunFile, parseOverride } from '../config/parse-run-file.ts';
import { refusePlugins } from '../config/plugins.ts';
import type { RunConfig } from '../config/run-file.ts';
import { RunError, UserError } from '../core/errors.ts';
import { onePath } from '../datasets/data-path.ts';
import { type OtherFiles, ofOtherFiles, otherFileSettings, otherFilesOf } from '../datasets/registry.ts';
import { isAdapter } from '../models/hugging-face/adapter-config.ts';
import { weightsOf, weightsSetting } from '../models/registry.ts';
import { checkRun } from '../pipeline/check-run.ts';
import { headObject } from './head-object.ts';
import { launch, launchInputSchema } from './launch.ts';
import type { Cloud } from './open-cloud.ts';
import {
  datasetFolder,
  isProfileName,
  otherFileAddress,
  profileOfDataset,
  profileText,
  refuseAdapterFolder,
  weightsAddress,
} from './profile.ts';
import { addressOf, type Uploaded, uploadDataset, uploadProfile, uploadValidation, uploadWeights } from './upload.ts';

export interface Submission {
  readonly file: string;
  /** The overrides as given, e.g. `training.epochs=10`. */
  readonly overrides: readonly string[];
  /** Absent: the run file's name. */
  readonly profile?: string | undefined;
  /** Ends the run's name; absent: the run is named after the data set. */
  readonly name?: string | undefined;
}

export interface Submitted {
  /** Key prefix. */
  readonly run: string;
  readonly execution: string;
  /** False where the run was started before, with the same settings and data. */
  readonly started: boolean;
}

/** What is told of a submission on its way. */
export interface SubmissionNews {
  /** A file was sent, or was there. */
  uploaded(what: string, uploaded: Uploaded): void;
  /** What the user should know of the run. */
  note(message: string): void;
}

/**
 * Settings, data, weights and rates are checked as by `validate` before anything is sent; what is in the bucket already, by the run's first task.
 * @throws UserError when the run file, its data or its weights have problems, or a run of that name has other settings.
 */
export async function submit(
  cloud: Cloud,
  { file, overrides, profile = nameFrom(basename(file).replace(/\.[^.]+$/, ''), 'run'), name }: Submission,
  { uploaded: told, note }: SubmissionNews,
): Promise<Submitted> {
  refuseNames(profile, name);
  const given = overrides.map(parseOverride);
  const config = await loadRunFile(file, given);
  refusePlugins(config.plugins, file);
  const weights = weightsOf(config.model);
  const path = onePath(config.dataset.path, 'a deployed run');
  const others = otherFilesOf(config.dataset);
  const areOthersInS3 = [others.validation, others.test].some(isInS3);
  if (isInS3(weights)) weightsAddress(weights!, cloud.bucket, file);
  else if (weights !== undefined) refuseAdapterFolder(config.model, file, await isAdapter(weights));
  await ofOtherFiles(others, async (path) => isInS3(path) && otherFileAddress(path, cloud.bucket, file));
  const checked = isInS3(weights) ? withoutWeights(config) : config;
  if (!isInS3(path) && !areOthersInS3 && checked) await checkRun(checked, { localPath: async (path) => path, note });
  const found = isInS3(path) ? await datasetThere(cloud, path, profile) : undefined;

  const send = async (what: string, input: string | undefined, upload: typeof uploadWeights) => {
    if (input === undefined || isInS3(input)) return undefined;
    const sent = await upload(cloud, input);
    told(what, sent);
    return sent;
  };
  const sentWeights = await send('weights', weights, uploadWeights);
  const sentOthers = await ofOtherFiles(others, (path, kind) =>
    send(kind === 'test' ? 'test data' : kind, path, uploadValidation),
  );
  const dataset = found ?? (await uploadDataset(cloud, path, profile));
  told('data set', dataset);
  const text = profileText(await readFile(file, 'utf8'), [
    ...given,
    { path: ['dataset', 'path'], value: dataset.key },
    ...(Object.keys(otherFileSettings) as (keyof OtherFiles)[]).flatMap((kind) => {
      const sent = sentOthers[kind];
      return sent ? [{ path: otherFileSettings[kind].split('.'), value: sent.key }] : [];
    }),
    ...(sentWeights ? [{ path: ['model', weightsSetting(config.model)], value: sentWeights.key }] : []),
  ]);
  told('profile', await uploadProfile(cloud, text, profile));

  const input = { profile, dataset: dataset.key, ...(name === undefined ? {} : { name }) };
  const launched = await launch(cloud, input);
  if (!('execution' in launched)) throw new RunError('no run was started', { where: profile });
  return { run: launched.run, execution: launched.execution, started: launched.status === 'started' };
}

const isInS3 = (path: string | undefined) => path?.startsWith('s3://') ?? false;

/** What can be checked where weights are elsewhere; of a language model nothing, whose folder says what it is. */
const withoutWeights = (config: RunConfig): RunConfig | undefined =>
  config.model.family === 'huggingface' ? undefined : { ...config, model: { ...config.model, weights: undefined } };

/** A data set that is in the bucket already; the run's first task checks it. @throws UserError when no run of the profile can take it. */
async function datasetThere({ s3, bucket }: Cloud, address: string, profile: string): Promise<Uploaded> {
  const { key, ...object } = parseS3Uri(address);
  const refuse = (what: string, remedy: string) => new UserError(what, { where: address, remedy });
  const folder = `s3://${bucket}/${datasetFolder(profile)}`;
  if (object.bucket !== bucket || profileOfDataset(key) !== profile) {
    throw refuse(`does not lie below ${folder}`, `Copy it there (aws s3 cp), or give the profile's name by --profile.`);
  }
  const newest = await headObject(s3, { bucket, key });
  if (!newest) throw refuse('there is no such object', 'Check `dataset.path` in the run file.');
  const { VersionId: version } = newest;
  if (object.versionId !== undefined && object.versionId !== version) {
    throw refuse('is not the newest version of the data set', `A run is begun with the newest: leave ?versionId= out.`);
  }
  return { key, address: addressOf(bucket, key, version), sent: false };
}

function refuseNames(profile: string, name: string | undefined): void {
  if (!isProfileName(profile)) {
    throw new UserError('can\'t be the name of a profile: letters, digits, ".", "_" and "-", 60 at most', {
      where: profile,
      remedy: 'Give one by --profile.',
    });
  }
  if (name !== undefined && !launchInputSchema.safeParse({ profile, name }).success) {
    throw new UserError('must be letters, digits, ".", "_" and "-", 30 at most', { where: `--name ${name}` });
  }
}
