import { describe, expect, it } from 'vitest';
import { RunError } from '../../shared/core/errors.ts';
import type { Engine, EngineName } from '../../shared/engines/engine.ts';
import { type GpuEngine, type GpuMachine, gpuChoice, lookForGpu, openOnGpu } from '../../shared/engines/gpu-machine.ts';
import type { Adapter } from '../../shared/engines/onnx/webgpu/adapters.ts';

const tesla: Adapter = { name: 'Tesla T4', kind: 'discrete' };
const software: Adapter = { name: 'SwiftShader Device', kind: 'software' };
/** A software GPU that hides its kind. */
const hidden: Adapter = { name: 'llvmpipe (LLVM 19)', kind: 'virtual' };

/** An engine as far as a choice looks at it. */
const engineOf = (name: GpuEngine, isUsingGpuDevice: boolean) =>
  ({ name, tf: { backend: () => ({ isUsingGpuDevice }) } }) as unknown as Engine;

interface Given {
  readonly adapters?: readonly Adapter[];
  readonly tensorflow?: 'on its GPU' | 'on the processor';
  readonly broken?: readonly GpuEngine[];
}

/** A machine, and which engines were opened on it. */
function machineWith({ adapters = [], tensorflow, broken = [] }: Given) {
  const opened: GpuEngine[] = [];
  const machine: GpuMachine = {
    adapters: () => ({ adapters, ...(adapters.length === 0 ? { reason: 'Vulkan names none' } : {}) }),
    hasTensorflow: () => tensorflow !== undefined,
    open: async (name) => {
      opened.push(name);
      if (broken.includes(name)) throw new Error('libcudart.so.11.0: cannot open shared object file');
      return engineOf(name, tensorflow === 'on its GPU');
    },
    look: () => ['environment: NVIDIA_VISIBLE_DEVICES=(not set)'],
  };
  return { machine, opened };
}

describe('the engine of a machine that is there for its GPU', () => {
  it('is onnx-webgpu where Vulkan names a GPU in hardware, and nothing else is opened', async () => {
    const { machine, opened } = machineWith({ adapters: [tesla, software], tensorflow: 'on its GPU' });
    expect(await openOnGpu({}, machine)).toMatchObject({ name: 'onnx-webgpu' });
    expect(opened).toEqual(['onnx-webgpu']);
  });

  it.each([
    ['Vulkan names none', { tensorflow: 'on its GPU' }],
    ['Vulkan names a software GPU alone', { adapters: [software], tensorflow: 'on its GPU' }],
    ['a software GPU hides its kind', { adapters: [hidden], tensorflow: 'on its GPU' }],
    ['WebGPU does not start', { adapters: [tesla], tensorflow: 'on its GPU', broken: ['onnx-webgpu'] }],
  ] as const)('is tfjs-node-gpu where %s, and what was tried before is told', async (_, given) => {
    const { machine } = machineWith(given);
    const told: string[] = [];
    const engine = await openOnGpu({ choice: 'auto', warn: (message) => told.push(message) }, machine);
    expect(engine.name).toBe('tfjs-node-gpu');
    expect(told).toEqual([expect.stringMatching(/^engine onnx-webgpu: /)]);
  });

  it('stays the one that a run has on record, as long as that one works', async () => {
    const both = { adapters: [tesla], tensorflow: 'on its GPU' } as const;
    const nameAfter = async (recorded: EngineName, given: Given) =>
      (await openOnGpu({ recorded }, machineWith(given).machine)).name;
    expect(await nameAfter('tfjs-node-gpu', both)).toBe('tfjs-node-gpu');
    expect(await nameAfter('tfjs-node-gpu', { adapters: [tesla] })).toBe('onnx-webgpu');
    expect(await nameAfter('onnx-webgpu', both)).toBe('onnx-webgpu');
    expect(await nameAfter('onnx', both)).toBe('onnx-webgpu');
  });

  it('is the one that is named, and no other in its place', async () => {
    const { machine, opened } = machineWith({ adapters: [tesla], tensorflow: 'on its GPU' });
    expect(await openOnGpu({ choice: 'tfjs-node-gpu' }, machine)).toMatchObject({ name: 'tfjs-node-gpu' });
    expect(opened).toEqual(['tfjs-node-gpu']);
    const without = machineWith({ tensorflow: 'on its GPU' });
    const recorded = 'tfjs-node-gpu';
    await expect(openOnGpu({ choice: 'onnx-webgpu', recorded }, without.machine)).rejects.toThrow(RunError);
    expect(without.opened).toEqual([]);
  });

  it.each([
    [
      'there is none',
      {},
      'no GPU in hardware was found: Vulkan names none',
      '@tensorflow/tfjs-node-gpu is not installed',
    ],
    [
      'there is a software GPU alone',
      { adapters: [software], tensorflow: 'on the processor' },
      'no GPU in hardware was found: Vulkan names SwiftShader Device, software',
      'TensorFlow finds no GPU that it can use',
    ],
    [
      'neither starts',
      { adapters: [tesla], tensorflow: 'on its GPU', broken: ['onnx-webgpu', 'tfjs-node-gpu'] },
      'libcudart.so.11.0: cannot open shared object file',
      'TensorFlow does not start: libcudart.so.11.0: cannot open shared object file',
    ],
  ] as const)('is refused with what was seen where %s', async (_, given, byVulkan, byCuda) => {
    const opened = openOnGpu({}, machineWith(given).machine);
    await expect(opened).rejects.toThrow(RunError);
    await expect(opened).rejects.toThrow(
      `training.engine: this machine is there for its GPU, and no engine can use one
  engine onnx-webgpu: ${byVulkan}
  engine tfjs-node-gpu: ${byCuda}
  environment: NVIDIA_VISIBLE_DEVICES=(not set)
  Mend the image or the machine, or name an engine that needs no GPU: training.engine: onnx.`,
    );
  });

  it('is left to the machine by auto and by the engines that compute on a GPU', () => {
    expect([gpuChoice('auto'), gpuChoice('onnx-webgpu'), gpuChoice('tfjs-node-gpu')]).not.toContain(undefined);
    expect([gpuChoice('onnx'), gpuChoice('wasm'), gpuChoice('cpu')]).toEqual([undefined, undefined, undefined]);
  });
});

describe('what is told of a container without a GPU', () => {
  it('is what it was given by the environment, as drivers and as devices', () => {
    const folders: Record<string, string[]> = {
      '/dev': ['dri', 'null', 'nvidia0', 'nvidiactl'],
      '/etc/vulkan/icd.d': ['nvidia_icd.json'],
    };
    const given = { NVIDIA_VISIBLE_DEVICES: 'GPU-1', NVIDIA_DRIVER_CAPABILITIES: 'compute,utility', OTHER: 'secret' };
    expect(lookForGpu(given, (folder) => folders[folder] ?? [])).toEqual([
      'environment: NVIDIA_VISIBLE_DEVICES=GPU-1, NVIDIA_DRIVER_CAPABILITIES=compute,utility, VK_ICD_FILENAMES=(not set), VK_DRIVER_FILES=(not set)',
      'drivers of Vulkan: /etc/vulkan/icd.d/nvidia_icd.json',
      'devices: /dev/dri, /dev/nvidia0, /dev/nvidiactl',
    ]);
  });

  it('is that there is nothing, where there is nothing', () => {
    expect(lookForGpu({}, () => [])).toEqual([
      expect.stringContaining('NVIDIA_VISIBLE_DEVICES=(not set)'),
      'drivers of Vulkan: none in /etc/vulkan/icd.d, /usr/local/share/vulkan/icd.d, /usr/share/vulkan/icd.d',
      'devices: no /dev/nvidia*, no /dev/dri',
    ]);
  });
});
