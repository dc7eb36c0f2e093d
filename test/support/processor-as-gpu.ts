import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Engine } from '../../shared/engines/engine.ts';
import { trace } from '../../shared/engines/onnx/trace.ts';
import { leastDevice } from '../../shared/engines/onnx/webgpu/for-device.ts';
import { dataTypeOf } from '../../shared/engines/transfer.ts';

/** An engine that records steps for a GPU and has the processor compute them; for steps of inputs alone. */
export const processorAsGpu = (plain: Engine): Engine => ({
  ...plain,
  async loop(step) {
    const none = async () => new Map();
    return {
      async run(inputs) {
        const specs = [...inputs].map(([name, { shape, data }]) => [name, { shape, dtype: dataTypeOf(data) }] as const);
        const compute = (given: Parameters<typeof step>[1]['inputs']) =>
          step(plain.tf, { fixed: {}, carried: {}, inputs: given }).results as Record<string, never>;
        const { model } = trace(plain.tf, compute, Object.fromEntries(specs), { device: leastDevice });
        const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
        const feeds = session.inputNames.map((name) => {
          const { shape, data } = inputs.get(name)!;
          return [name, new Tensor(dataTypeOf(data), data, shape)] as const;
        });
        const outputs = await session.run(Object.fromEntries(feeds));
        await session.release();
        return new Map(
          session.outputNames.map((name) => {
            const { dims, data } = outputs[name]!;
            return [name, { shape: dims, data: Float32Array.from(data as ArrayLike<number>) }] as const;
          }),
        );
      },
      read: none,
      finish: none,
      close: async () => {},
    };
  },
});
