/** A call of ONNX Runtime that writes what it computes where it is told to, and nowhere else. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { messageOf } from '../../core/errors.ts';
import { emptySequence } from './roles.ts';

/** What onnxruntime-node says of a sequence among what was computed, before it hands anything back. */
const refusal = /^non tensor type/i;

/**
 * Computes a model's outputs into the tensors that are given for them. onnxruntime-node would hand every output back in new memory, a copy
 * of the given tensor: of a large model's parameters and moments that is more than a gigabyte in every step. It goes through the
 * outputs in order once all are computed and written, and ends with an error at the first that it can't hand back; so that one is first.
 * @throws what ONNX Runtime throws
 */
export async function computeInto(
  session: InferenceSession,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: Readonly<Record<string, Tensor>>,
): Promise<void> {
  try {
    await session.run(inputs, { [emptySequence]: null, ...outputs });
  } catch (error) {
    if (!refusal.test(messageOf(error))) throw error;
  }
}
