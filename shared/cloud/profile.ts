/** A profile: a run file in the bucket, which a data set of the profile's name starts a run by. */
import { isMap, parseDocument } from 'yaml';
import { asSection, type Override, parseRunFile } from '../config/parse-run-file.ts';
import type { RunConfig } from '../config/run-file.ts';
import { UserError } from '../core/errors.ts';
import { otherFilesOf, withDataPaths } from '../datasets/registry.ts';
import { type ModelConfig, weightsOf, weightsSetting, withWeights } from '../models/registry.ts';

export const profileKey = (profile: string): string => `profiles/${profile}.yaml`;
export const datasetFolder = (profile: string): string => `datasets/${profile}/`;

/** The profile of a data set's key, `datasets/<profile>/...`; undefined for other keys. */
export const profileOfDataset = (key: string): string | undefined => /^datasets\/([^/]+)\/.*[^/]$/.exec(key)?.[1];

/** Whether it can be the name of a profile, and so the beginning of a run's name. */
export const isProfileName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/.test(name);

/**
 * The settings of a run of a profile on a data set. Relative paths count from the top of the bucket.
 * @param text of the profile.
 * @throws UserError listing everything that is wrong with it.
 */
export function profileSettings(text: string, bucket: string, profile: string, dataset: string): RunConfig {
  const label = `s3://${bucket}/${profileKey(profile)}`;
  const config = parseRunFile(text, label, [
    { path: ['dataset', 'path'], value: dataset, text: `dataset.path=${dataset}` },
  ]);
  const { model } = config;
  refuseAdapterFolder(model, label);
  const { validation, test } = otherFilesOf(config.dataset);
  const weights = weightsOf(model);
  const address = weights === undefined ? undefined : weightsAddress(weights, bucket, label);
  return {
    ...config,
    dataset: withDataPaths(config.dataset, dataset, {
      validation: validation && otherFileAddress(validation, bucket, label),
      test: test && otherFileAddress(test, bucket, label),
    }),
    model:
      address === undefined
        ? model
        : withWeights(model, weightsSetting(model) === 'folder' ? inFolder(address) : address),
    output: { ...config.output, folder: 'runs' },
  };
}

/** @throws UserError when the model is an adapter with a base of its own: one folder goes to the bucket. */
export function refuseAdapterFolder(model: ModelConfig, where: string, isAdapter = false): void {
  if (model.family !== 'huggingface' || (model.base === undefined && !isAdapter)) return;
  throw new UserError('model.folder: a deployed run begins with a whole model, not with an adapter', {
    where,
    remedy:
      'Merge it first: `npx tempbalance export <adapter> <folder> --merge`. A new adapter of the result is model.lora.',
  });
}

/** The address of a folder, with the slash that marks it as one. */
const inFolder = (address: string) => address.replace(/\/*$/, '/');

/**
 * The address of what a run file or profile names, in a folder of the bucket.
 * @param label of it, for messages.
 * @throws UserError when it doesn't lie where tasks can read it.
 */
const addressBelow = (folder: string) => (path: string, bucket: string, label: string) => {
  const key = path.replace(`s3://${bucket}/`, '').replace(/^\.\//, '');
  if (key.startsWith(folder) && !key.split('/').includes('..')) return `s3://${bucket}/${key}`;
  throw new UserError(`${path} does not lie below ${folder} in the bucket`, {
    where: label,
    remedy: `Upload it there, and write ${folder}<name>.`,
  });
};

/** The address of the weights that a run begins from. */
export const weightsAddress = addressBelow('weights/');
/** Of a file to validate or to test on: its arrival starts no run, as that of a data set does. */
export const otherFileAddress = addressBelow('validation/');

/**
 * A run file as a profile: with what is set on top of it written into it, its comments kept.
 * @param text of a run file that is valid with these overrides.
 */
export function profileText(text: string, overrides: readonly Pick<Override, 'path' | 'value'>[]): string {
  const document = parseDocument(text);
  for (const { path, value } of overrides) {
    for (let depth = 1; depth < path.length; depth++) {
      const section = path.slice(0, depth);
      const value = document.getIn(section);
      if (document.hasIn(section) && !isMap(value)) {
        document.setIn(section, document.createNode(asSection(section.at(-1)!, value)));
      }
    }
    if (value === null) document.deleteIn(path);
    else document.setIn(path, value);
  }
  return document.toString();
}
