import type { Engine } from '../../shared/engines/engine.ts';
import { compiledSteps, specsOf } from '../../shared/engines/onnx/compiled-steps.ts';
import { roles } from '../../shared/engines/onnx/roles.ts';
import { leastDevice } from '../../shared/engines/onnx/webgpu/for-device.ts';
import { mostTogether } from '../../shared/engines/onnx/webgpu/open-webgpu.ts';
import { type HostTensors, zeros } from '../../shared/tensors/tensor.ts';

/** An engine that writes down what a GPU would be given, and gives zeros; with all models, as ONNX files. */
export function writingDown(plain: Engine): { engine: Engine; models: Uint8Array[] } {
  const models: Uint8Array[] = [];
  const begin = compiledSteps(
    plain.tf,
    {
      async ask(task): Promise<HostTensors> {
        if (task.do === 'compile') models.push(task.model);
        return new Map();
      },
    },
    { threads: 1, block: 1, device: leastDevice },
  );
  const engine: Engine = {
    ...plain,
    mostTogether,
    async loop(step, given) {
      const carried = async () => given.carried;
      const steps = begin();
      const known = [...specsOf(given.fixed, roles.fixed), ...specsOf(given.carried, roles.carried)];
      return {
        async run(inputs, options) {
          const { outputs } = await steps.compiled(options?.step ?? step, [...known, ...specsOf(inputs, roles.inputs)]);
          const results = Object.entries(outputs).filter(([name]) => name.startsWith(roles.results));
          return new Map(results.map(([name, { shape }]) => [name.slice(roles.results.length), zeros(shape)]));
        },
        read: carried,
        finish: carried,
        close: async () => {},
      };
    },
  };
  return { engine, models };
}
