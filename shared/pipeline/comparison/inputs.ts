/** The files that the runs of a comparison read. */
import type { ComparisonSettings } from '../../config/comparison.ts';
import type { RunConfig } from '../../config/run-file.ts';
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
  /** Whether its content matters: of a model that begins anew, only the settings in its folder do. */
  readonly isRead: boolean;
}

/** What the arms read, each path once. */
export function inputsOf({ arms }: Pick<ComparisonSettings, 'arms'>): ComparedInput[] {
  const found = new Map<string, ComparedInput>();
  const add = (input: ComparedInput) => {
    const isRead = input.isRead || found.get(input.path)?.isRead === true;
    found.set(input.path, { ...input, isRead });
  };
  for (const { config } of arms) {
    const { validation, test } = otherFilesOf(config.dataset);
    const data = [
      ['dataset.path', config.dataset.path],
      [otherFileSettings.validation, validation],
      [otherFileSettings.test, test],
    ] as const;
    for (const [setting, path] of data) if (path !== undefined) add({ path, kind: 'data', setting, isRead: true });
    const weights = weightsOf(config.model);
    if (weights === undefined) continue;
    const isFresh = config.model.family === 'huggingface' && config.model.fresh;
    add({ path: weights, kind: 'weights', setting: `model.${weightsSetting(config.model)}`, isRead: !isFresh });
  }
  return [...found.values()];
}

/**
 * Digests of what the runs read, by the path that names it.
 * @param known digests that need no reading
 */
export async function digestsOf(
  settings: Pick<ComparisonSettings, 'arms'>,
  localPath: TaskContext['localPath'],
  known: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const { path, kind, isRead } of inputsOf(settings)) {
    if (!isRead) continue;
    const fingerprint = kind === 'data' ? fingerprintFile : fingerprintBase;
    digests[path] = known[path] ?? (await fingerprint(await localPath(path))).sha256;
  }
  return digests;
}

/** The same settings with every path of data, weights or model as `at` gives it. */
export function relocated(config: RunConfig, at: (path: string) => string): RunConfig {
  const { validation, test } = otherFilesOf(config.dataset);
  return {
    ...config,
    model: withModelPaths(config.model, at),
    dataset: withDataPaths(config.dataset, at(config.dataset.path), {
      validation: validation === undefined ? undefined : at(validation),
      test: test === undefined ? undefined : at(test),
    }),
  };
}
