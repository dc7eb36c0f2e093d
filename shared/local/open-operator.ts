/** The model of fields that one of our runs trained. */
import { readArtifact } from '../checkpoints/manifest.ts';
import { UserError } from '../core/errors.ts';
import type { FieldDatasetConfig } from '../datasets/registry.ts';
import type { FieldModel } from '../models/model.ts';
import { buildModel, type FieldModelConfig, isOfAnyResolution } from '../models/registry.ts';
import { modelFileOf, type RunRecord, readRequest } from '../pipeline/records.ts';
import { fieldsOfRecord, formatOf, type RecordedFields } from '../pipeline/run-model.ts';
import { bufferSource } from '../tensors/byte-source.ts';
import { openSafetensors } from '../tensors/safetensors.ts';
import { formatShape, type HostTensors, sameShape } from '../tensors/tensor.ts';
import { findEpoch } from './run-epoch.ts';
import type { RunFolder } from './run-folder.ts';

/** An operator with its weights. */
export interface Operator {
  readonly record: RunRecord;
  readonly dataset: FieldDatasetConfig;
  /** The fields that it was trained on. */
  readonly fields: RecordedFields;
  readonly epoch: number;
  readonly isBest: boolean;
  readonly parameters: HostTensors;
  /** Whether it takes finer and coarser grids. */
  readonly anyResolution: boolean;
  /** The model on a grid of so many points, in the units of the data. @throws UserError when its weights don't do for it. */
  on(space: readonly number[]): FieldModel;
}

/** Whether a run trains a model of fields. */
export const trainsFields = async ({ store, run }: RunFolder): Promise<boolean> =>
  (await readRequest(store, run)).config.model.family !== 'huggingface';

/**
 * Opens the model of a run's epoch, the best so far where none is named.
 * @param path for messages
 * @throws UserError when the epoch has no weights any more.
 */
export async function openOperator(path: string, folder: RunFolder, wanted: number | undefined): Promise<Operator> {
  const { record, manifest, epoch, isBest } = await findEpoch(path, folder, wanted);
  // The manifest was found by its weights.
  const bytes = (await readArtifact(folder.store, manifest, modelFileOf(manifest)))!;
  const parameters = await (await openSafetensors(bufferSource(path, bytes))).readAll();
  const fields = fieldsOfRecord(record);
  // The settings' schema holds format and family together.
  const settings = record.config.model as FieldModelConfig;
  return {
    record,
    dataset: record.config.dataset as FieldDatasetConfig,
    fields,
    epoch,
    isBest,
    parameters,
    anyResolution: isOfAnyResolution(settings),
    on(space) {
      const model = buildModel(settings, formatOf({ ...fields, space }));
      const other = model.parameters.find(({ name, shape }) => !sameShape(shape, parameters.get(name)?.shape ?? []));
      if (!other) return model;
      throw new UserError(
        `on a grid of ${space.join(' x ')} points ${other.name} would be ${formatShape(other.shape)}, and the run's is ${formatShape(parameters.get(other.name)?.shape ?? [])}`,
        { where: path, remedy: `Give fields on a grid of ${fields.space.join(' x ')} points.` },
      );
    },
  };
}
