/** Which GPUs of this machine are worth a try by themselves: where nobody has named an engine. */
import type { EngineName } from './engine.ts';
import { type Adapters, isSoftware, vulkanAdapters } from './onnx/webgpu/adapters.ts';
import { availableEngines } from './open-engine.ts';

/** Engines that may compute on a GPU in hardware, and why others are passed over. */
export interface GpuCandidates {
  readonly names: readonly EngineName[];
  readonly passedOver: readonly string[];
}

interface Machine {
  readonly installed: readonly EngineName[];
  readonly adapters: Adapters;
  readonly platform: NodeJS.Platform;
}

const thisMachine = (): Machine => ({
  installed: availableEngines(),
  adapters: vulkanAdapters(),
  platform: process.platform,
});

/** The engines that `auto` tries on a GPU of this machine; none is opened for it. */
export function gpuCandidates({ installed, adapters, platform }: Machine = thisMachine()): GpuCandidates {
  const native = installed.filter((name) => name === 'tfjs-node-gpu');
  // Metal has no software GPUs.
  if (platform === 'darwin') return { names: [...native, 'onnx-webgpu'], passedOver: [] };
  const [first] = adapters.adapters ?? [];
  if (!first) return { names: native, passedOver: [] };
  if (!isSoftware(first)) return { names: [...native, 'onnx-webgpu'], passedOver: [] };
  const passedOver = [`onnx-webgpu is passed over: ${first.name} is no GPU, the processor plays it (${first.kind})`];
  return { names: native, passedOver };
}
