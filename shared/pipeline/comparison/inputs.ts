/** The files that the runs of a comparison read. */
import type { ComparisonSettings } from '../../config/comparison.ts';
import type { RunConfig } from '../../config/run-file.ts';
import { UserError } from '../../core/errors.ts';
import { eachPath, mapPath } from '../../datasets/data-path.ts';
import { fingerprintFile } from '../../datasets/fingerprint.ts';
import { otherFileSettings, otherFilesOf, withDataPaths } from '../../datasets/registry.ts';
import { weightsOf, weightsSetting, withModelPaths } from '../../models/registry.ts';
import type { TaskContext } from '../context.ts';
import { fingerprintBase } from '../run-base.ts';

/** A file of data, or weights or the folder of a model. */
export interface ComparedInput {
  readonly path: string;
  readonly kind: 'data' | 'weights';
  /** The setting that names it. */
  readonly setting: string;
}

/** The files and folders that the arms read, each path once. */
export function inputsOf({ arms }: Pick<ComparisonSettings, 'arms'>): ComparedInput[] {
  const found = new Map<string, ComparedInput>();
  const add = (kind: ComparedInput['kind'], setting: string, path: string | undefined) => {
    if (path !== undefined) found.set(path, { path, kind, setting });
  };
  for (const { config } of arms) {
    const { dataset, model } = config;
    const { validation, test } = otherFilesOf(dataset);
    for (const path of eachPath(dataset.path)) add('data', 'dataset.path', path);
    add('data', otherFileSettings.validation, validation);
    add('data', otherFileSettings.test, test);
    add('weights', `model.${weightsSetting(model)}`, weightsOf(model));
    if (model.family === 'huggingface') add('weights', 'model.base', model.base);
  }
  return [...found.values()];
}

/** Stands for the content of the folder of a fresh model, which has no weights: every run has its configuration on record. */
export const noWeights = 'none';

/**
 * Digests of what the runs read, by the path that names it.
 * @param known digests that need no reading
 * @throws UserError when data can't be read.
 */
export async function digestsOf(
  settings: Pick<ComparisonSettings, 'arms'>,
  localPath: TaskContext['localPath'],
  known: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const { path, kind } of inputsOf(settings)) {
    const digest = async () => {
      const local = await localPath(path);
      return kind === 'data' ? (await fingerprintFile(local)).sha256 : weightsDigest(local);
    };
    digests[path] = known[path] ?? (await digest());
  }
  return digests;
}

async function weightsDigest(path: string): Promise<string> {
  try {
    return (await fingerprintBase(path)).sha256;
  } catch (error) {
    if (error instanceof UserError) return noWeights;
    throw error;
  }
}

/** The same settings with every path of data, weights or model as `at` gives it. */
export function relocated(config: RunConfig, at: (path: string) => string): RunConfig {
  const { validation, test } = otherFilesOf(config.dataset);
  return {
    ...config,
    model: withModelPaths(config.model, at),
    dataset: withDataPaths(config.dataset, mapPath(config.dataset.path, at), {
      validation: validation === undefined ? undefined : at(validation),
      test: test === undefined ? undefined : at(test),
    }),
  };
}
