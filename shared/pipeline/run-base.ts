/** The folder of weights that a run's adapter is put on. */
import { UserError } from '../core/errors.ts';
import { type Fingerprint, fingerprintFiles } from '../datasets/fingerprint.ts';
import { weightsByName } from '../models/hugging-face/weights.ts';
import type { StoredWeights } from '../models/pretrained.ts';
import { openTensors } from '../tensors/open-tensors.ts';
import type { HostTensor, HostTensors } from '../tensors/tensor.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import type { TaskContext } from './context.ts';
import type { RunRecord } from './records.ts';
import type { RunModel } from './run-model.ts';

type BaseRecord = NonNullable<RunRecord['adapter']>['base'];

/** What identifies the weights in a folder. @throws UserError when there are none. */
export const fingerprintBase = async (folder: string): Promise<Fingerprint> =>
  fingerprintFiles((await openTensors(folder)).files);

/** @throws UserError when the weights are others than those that the adapter was trained on. */
export function refuseOtherBase({ path, sha256 }: BaseRecord, found: Fingerprint): void {
  if (sha256 === found.sha256) return;
  throw new UserError('its weights are not those that the run began with, which the adapter belongs to', {
    where: path,
    remedy: 'Put the old weights back, or start a new run on the new ones.',
  });
}

/** The base's tensors by the names that the model has for them. */
export const baseByName = ({ model, names }: NonNullable<RunModel['adapter']>, base: TensorStore): StoredWeights =>
  weightsByName(base, model.base, names);

/**
 * The values of what is frozen, which an epoch's weights are without; none where nothing is.
 * @param localPath where the base is on this machine
 * @throws UserError when the base's weights are not there, or not those that the run began with
 */
export async function frozenOf(
  { adapter: recorded }: Pick<RunRecord, 'adapter'>,
  { adapter }: Pick<RunModel, 'adapter'>,
  localPath: TaskContext['localPath'],
): Promise<HostTensors> {
  const values = new Map<string, HostTensor>();
  if (!recorded || !adapter) return values;
  const folder = await localPath(recorded.base.path);
  refuseOtherBase(recorded.base, await fingerprintBase(folder));
  const file = baseByName(adapter, await openTensors(folder));
  for (const { name } of adapter.model.frozen) {
    const { shape, data } = await file.read(name);
    values.set(name, { shape, data: Float32Array.from(data) });
  }
  return values;
}
