/** Which kernels for convolutions ONNX Runtime has on this processor. */
import { encodeGraph } from './encode.ts';
import { blockedDomain } from './graph.ts';

/** Block sizes that its kernels have been seen with. */
const known = new Set([8, 16]);

const [given, result] = ['given', 'result'];

/** The smallest number of channels that can be put into blocks. */
const channels = 4;

/**
 * Channels in a block of ONNX Runtime's kernels for convolutions, which depends on the processor; 1 where it has no such kernels. It shows in what
 * becomes of a few channels: they are filled up to a block.
 */
export async function blockSize({ InferenceSession, Tensor }: typeof import('onnxruntime-node')): Promise<number> {
  const input = { name: given, shape: [1, channels, 1, 1], dtype: 'float32' } as const;
  const model = encodeGraph(
    {
      nodes: [{ operator: 'ReorderInput', domain: blockedDomain, inputs: [given], outputs: [result], attributes: {} }],
      initializers: [],
      inputs: [input],
      outputs: [{ ...input, name: result, shape: [1, -1, 1, 1] }],
      specs: new Map(),
      backwards: new Map(),
    },
    'block size',
  );
  try {
    const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const outputs = await session.run({ [given]: new Tensor('float32', new Float32Array(channels), [...input.shape]) });
    await session.release();
    const size = outputs[result]!.dims[1]!;
    return known.has(size) ? size : 1;
  } catch {
    return 1;
  }
}
