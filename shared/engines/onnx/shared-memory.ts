/** Whether tensors can lie in memory that threads share, which depends on Node's version. */
import { encodeGraph } from './encode.ts';

const [given, result] = ['given', 'result'];

/** Whether ONNX Runtime reads a tensor in shared memory: it is tried. */
export async function takesSharedMemory({
  InferenceSession,
  Tensor,
}: typeof import('onnxruntime-node')): Promise<boolean> {
  const input = { name: given, shape: [1], dtype: 'float32' } as const;
  const model = encodeGraph(
    {
      nodes: [{ operator: 'Neg', inputs: [given], outputs: [result], attributes: {} }],
      initializers: [],
      inputs: [input],
      outputs: [{ ...input, name: result }],
      specs: new Map(),
      backwards: new Map(),
    },
    'shared memory',
  );
  const data = new Float32Array(new SharedArrayBuffer(Float32Array.BYTES_PER_ELEMENT)).fill(1);
  try {
    const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const outputs = await session.run({ [given]: new Tensor('float32', data, [1]) });
    await session.release();
    return outputs[result]!.data[0] === -1;
  } catch {
    return false;
  }
}
