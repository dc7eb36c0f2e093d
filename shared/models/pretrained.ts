import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { fileSource } from '../tensors/byte-source.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { openSafetensors, type SafetensorsFile } from '../tensors/safetensors.ts';
import { formatShape, type HostTensor, type HostTensors } from '../tensors/tensor.ts';

/** Everything by which a weight file differs from what the model needs, one line each. */
function mismatches(file: SafetensorsFile, parameters: readonly ParameterSpec[]): string[] {
  const present = new Set(file.names());
  const needed = new Set(parameters.map(({ name }) => name));
  const unexpected = [...present].filter((name) => !needed.has(name));
  const wrong = parameters.flatMap(({ name, shape }) => {
    if (!present.has(name))
      return [`missing     ${name} ${formatShape(shape)}  ${didYouMean(name, unexpected)}`.trimEnd()];
    const stored = file.entry(name).shape;
    return formatShape(stored) === formatShape(shape)
      ? []
      : [`mis-shaped  ${name}: the file has ${formatShape(stored)}, the model needs ${formatShape(shape)}`];
  });
  return [...wrong, ...unexpected.map((name) => `unexpected  ${name} ${formatShape(file.entry(name).shape)}`)];
}

/**
 * The pre-trained values of a model's parameters from a safetensors file.
 * @throws UserError when the file can't be read, or listing every tensor that is missing, unexpected, mis-shaped or not finite.
 */
export async function readPretrained(path: string, parameters: readonly ParameterSpec[]): Promise<HostTensors> {
  const source = await fileSource(path).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === 'ENOENT' ? 'there is no such file' : `can't be read (${cause.code})`;
    throw new UserError(what, { where: path, remedy: 'Check `model.weights` in the run file.', cause });
  });
  const file = await openSafetensors(source);
  const wrong = mismatches(file, parameters);
  if (wrong.length > 0) {
    throw new UserError(`the weights don't fit the model:\n    ${wrong.join('\n    ')}`, {
      where: path,
      remedy: 'Set the `model` section to the architecture these weights were trained with, or give other weights.',
    });
  }
  const tensors = new Map<string, HostTensor>();
  for (const { name } of parameters) {
    const tensor = await file.read(name);
    if (!tensor.data.every(Number.isFinite)) {
      throw new UserError(`tensor "${name}" holds NaN or infinite values`, {
        where: path,
        remedy: 'These weights come from a run that diverged: take an earlier checkpoint of it.',
      });
    }
    tensors.set(name, tensor);
  }
  return tensors;
}
