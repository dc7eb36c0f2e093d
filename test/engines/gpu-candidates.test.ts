import { describe, expect, it } from 'vitest';
import { gpuCandidates } from '../../shared/engines/gpu-candidates.ts';
import type { Adapter } from '../../shared/engines/onnx/webgpu/adapters.ts';

const candidates = (adapters: readonly Adapter[], platform: NodeJS.Platform = 'linux') =>
  gpuCandidates({ installed: ['onnx', 'tfjs-node-gpu', 'wasm'], adapters: { adapters }, platform });

describe('GPUs that auto tries', () => {
  it('are those in hardware', () => {
    const names = ['tfjs-node-gpu', 'onnx-webgpu'];
    expect(candidates([{ name: 'NVIDIA L4', kind: 'discrete' }])).toEqual({ names, passedOver: [] });
    expect(candidates([], 'darwin')).toEqual({ names, passedOver: [] });
  });

  it.each([
    { name: 'llvmpipe (LLVM 15.0.6, 256 bits)', kind: 'software' },
    { name: 'SwiftShader Device (Subzero)', kind: 'virtual' },
    { name: 'Virtio-GPU Venus (llvmpipe)', kind: 'virtual' },
  ] as const)('are not played by the processor: $name, $kind', (adapter) => {
    expect(candidates([adapter])).toEqual({
      names: ['tfjs-node-gpu'],
      passedOver: [`onnx-webgpu is passed over: ${adapter.name} is no GPU, the processor plays it (${adapter.kind})`],
    });
  });

  it('are none where there are none, or nobody knows which there are', () => {
    expect(candidates([])).toEqual({ names: ['tfjs-node-gpu'], passedOver: [] });
    expect(gpuCandidates({ installed: ['onnx'], adapters: { reason: 'not asked' }, platform: 'win32' })).toEqual({
      names: [],
      passedOver: [],
    });
  });
});
