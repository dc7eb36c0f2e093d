import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { fileSource } from '../tensors/byte-source.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { openSafetensors } from '../tensors/safetensors.ts';
import {
  allFinite,
  elementCount,
  formatShape,
  type HostTensor,
  type HostTensors,
  sameShape,
} from '../tensors/tensor.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';

/** Tensors of a file under the names that a model has for them. */
export type StoredWeights = Pick<TensorStore, 'label' | 'names' | 'entry' | 'read'>;

/** Everything by which a weight file differs from what the model needs, one line each. */
function mismatches(file: StoredWeights, parameters: readonly ParameterSpec[], unused: readonly string[]): string[] {
  const present = new Set(file.names().filter((name) => !unused.includes(name)));
  const needed = new Set(parameters.map(({ name }) => name));
  const unexpected = [...present].filter((name) => !needed.has(name));
  const wrong = parameters.flatMap(({ name, shape, missing }) => {
    if (!present.has(name) && missing === 'zeros') return [];
    if (!present.has(name))
      return [`missing     ${name} ${formatShape(shape)}  ${didYouMean(name, unexpected)}`.trimEnd()];
    const stored = file.entry(name).shape;
    return sameShape(stored, shape)
      ? []
      : [`mis-shaped  ${name}: the file has ${formatShape(stored)}, the model needs ${formatShape(shape)}`];
  });
  return [...wrong, ...unexpected.map((name) => `unexpected  ${name} ${formatShape(file.entry(name).shape)}`)];
}

/**
 * The values of these parameters, in their order.
 * @throws UserError listing every tensor that is missing, unexpected, mis-shaped or not finite.
 */
export async function readWeights(
  file: StoredWeights,
  parameters: readonly ParameterSpec[],
  remedy: string,
  unused: readonly string[] = [],
): Promise<Map<string, HostTensor>> {
  const wrong = mismatches(file, parameters, unused);
  if (wrong.length > 0) {
    throw new UserError(`the weights don't fit the model:\n    ${wrong.join('\n    ')}`, { where: file.label, remedy });
  }
  const tensors = new Map<string, HostTensor>();
  const present = new Set(file.names());
  for (const { name, shape: needed } of parameters) {
    if (!present.has(name)) {
      tensors.set(name, { shape: needed, data: new Float32Array(elementCount(needed)) });
      continue;
    }
    const { shape, data } = await file.read(name);
    if (!allFinite(data)) {
      throw new UserError(`tensor "${name}" holds NaN or infinite values`, {
        where: file.label,
        remedy: 'These weights come from a run that diverged: take an earlier checkpoint of it.',
      });
    }
    tensors.set(name, { shape, data: data instanceof Float32Array ? data : Float32Array.from(data) });
  }
  return tensors;
}

/**
 * The pre-trained values of a model's parameters from a safetensors file, which may have the tensors in `unused` besides.
 * @throws UserError when the file can't be read, or listing every tensor that is missing, unexpected, mis-shaped or not finite.
 */
export async function readPretrained(
  path: string,
  parameters: readonly ParameterSpec[],
  unused: readonly string[] = [],
): Promise<HostTensors> {
  const source = await fileSource(path).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === 'ENOENT' ? 'there is no such file' : `can't be read (${cause.code})`;
    throw new UserError(what, { where: path, remedy: 'Check `model.weights` in the run file.', cause });
  });
  return readWeights(
    await openSafetensors(source),
    parameters,
    'Set the `model` section to the architecture these weights were trained with, or give other weights.',
    unused,
  );
}
