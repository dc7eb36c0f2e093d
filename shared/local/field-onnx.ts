/** A model of fields as `model.onnx`: from fields in the units of the data to fields of the next time step. */
import { UserError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { gridOf } from '../datasets/field-grid.ts';
import type { NamedTensors, Tensor } from '../engines/engine.ts';
import { exportForward } from '../engines/onnx/export-forward.ts';
import { openEngine } from '../engines/open-engine.ts';
import type { RunFields } from '../pipeline/run-model.ts';
import { elementCount, type HostTensors } from '../tensors/tensor.ts';

/** Bytes that an ONNX file holds, which is one message of Protocol Buffers, less what its graph and Fourier matrices take. */
const mostBytes = 2 ** 31 - 2 ** 27;

/**
 * The forward pass as an ONNX model: `past` `[batch, ...space, window, channels]` and `statics` `[batch, ...space, statics]`, where there are any, to `next`
 * `[batch, ...space, channels]`. Grid and normaliser are inside.
 * @param weights parameters and state
 * @throws UserError when the model can't be written so: too large, or coordinates that it takes are not known.
 */
export async function fieldOnnx({ model, format, coordinates }: RunFields, weights: HostTensors): Promise<Uint8Array> {
  const { space, channels, window, statics = 0 } = format;
  const bytes = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes > mostBytes) {
    throw new UserError(`its weights take ${formatBytes(bytes)}, and an ONNX file holds 2 GB`);
  }
  const axes = coordinates?.map(({ values }) => values && Float32Array.from(values)) ?? [];
  const isKnown = axes.length === space.length && axes.every((axis) => axis !== undefined);
  if (!model.ignoresGrid && !isKnown) {
    throw new UserError('the run has no coordinates on record, and this model takes them', {
      remedy: 'Resume the run with its data: then they are noted.',
    });
  }
  const grid = isKnown
    ? gridOf(axes as Float32Array[])
    : { shape: [...space, space.length], values: new Float32Array(elementCount(space) * space.length) };
  const { tf } = await openEngine('cpu');
  const forward = ({ '/grid': at, ...parameters }: NamedTensors, given: NamedTensors): NamedTensors => {
    const past = given.past && tf.reshape(given.past, [-1, ...space, window * channels]);
    const parts = [past, given.statics].filter((part): part is Tensor => part !== undefined);
    const joined = parts.length === 1 ? parts[0]! : tf.concat(parts, space.length + 1);
    return { next: model.forward(tf, parameters, at!)(joined) };
  };
  return exportForward(tf, forward, {
    constants: new Map([...weights, ['/grid', { shape: grid.shape, data: grid.values }]]),
    given: {
      ...(window > 0 ? { past: [...space, window, channels] } : {}),
      ...(statics > 0 ? { statics: [...space, statics] } : {}),
    },
  });
}
