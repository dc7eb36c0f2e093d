/** Sends a run file with its data and weights to a deployment, and starts a run of them. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { loadRunFile, parseOverride } from '../config/parse-run-file.ts';
import { RunError, UserError } from '../core/errors.ts';
import { checkInputs } from '../pipeline/open-workload.ts';
import { launch, launchInputSchema } from './launch.ts';
import type { Cloud } from './open-cloud.ts';
import { isProfileName, profileText } from './profile.ts';
import { type Uploaded, uploadDataset, uploadProfile, uploadWeights } from './upload.ts';

export interface Submission {
  readonly file: string;
  /** As given: `training.epochs=10`. */
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

/**
 * @param told of every file that is sent, or was there.
 * @throws UserError when the run file, its data or its weights have problems, or a run of that name has other settings.
 */
export async function submit(
  cloud: Cloud,
  { file, overrides, profile = basename(file).replace(/\.[^.]+$/, ''), name }: Submission,
  told: (what: string, uploaded: Uploaded) => void,
): Promise<Submitted> {
  refuseNames(profile, name);
  const given = overrides.map(parseOverride);
  const config = await loadRunFile(file, given);
  await checkInputs(config);

  const { weights } = config.model;
  const sentWeights = weights === undefined ? undefined : await uploadWeights(cloud, weights);
  if (sentWeights) told('weights', sentWeights);
  const dataset = await uploadDataset(cloud, config.dataset.path, profile);
  told('data set', dataset);
  const text = profileText(await readFile(file, 'utf8'), [
    ...given,
    { path: ['dataset', 'path'], value: dataset.key },
    ...(sentWeights ? [{ path: ['model', 'weights'], value: sentWeights.key }] : []),
  ]);
  told('profile', await uploadProfile(cloud, text, profile));

  const input = { profile, dataset: dataset.key, ...(name === undefined ? {} : { name }) };
  const launched = await launch(cloud, input);
  if (!('execution' in launched)) throw new RunError('no run was started', { where: profile });
  return { run: launched.run, execution: launched.execution, started: launched.status === 'started' };
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
