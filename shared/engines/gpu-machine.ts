/** The engine of a machine that is there for its GPU, and what is told where it has none that can be used. */
import { readdirSync } from 'node:fs';
import { messageOf, RunError } from '../core/errors.ts';
import type { Engine, EngineChoice, EngineName } from './engine.ts';
import { type Adapters, describeAdapters, isSoftware } from './onnx/webgpu/adapters.ts';

/** Engines that compute on a GPU, in the order in which they are tried. */
export const gpuEngines = ['onnx-webgpu', 'tfjs-node-gpu'] as const;
export type GpuEngine = (typeof gpuEngines)[number];

export interface GpuWish {
  /** Absent, or `auto`: the first that works. */
  readonly choice?: GpuEngine | 'auto';
  /** The engine that `auto` took for the run before; it is tried first. */
  readonly recorded?: EngineName | undefined;
  /** Told of an engine that was tried in vain, when another one serves. */
  readonly warn?: (message: string) => void;
}

/** The facts and functions by which an engine is chosen on a machine with a GPU. */
export interface GpuMachine {
  adapters(): Adapters;
  /** Whether the package of tfjs-node-gpu is there. */
  hasTensorflow(): boolean;
  /** Makes an engine the active one. @throws Error when it does not start. */
  open(name: GpuEngine): Promise<Engine>;
  /** Sentences about the machine for the case that no engine works. */
  look(): readonly string[];
}

/** The engine that a choice leaves to a machine that is there for its GPU; undefined where it names one that needs no GPU. */
export const gpuChoice = (choice: EngineChoice): GpuEngine | 'auto' | undefined =>
  ([...gpuEngines, 'auto'] as const).find((name) => name === choice);

/** @throws Error saying why the engine can't be had on this machine, or not on a GPU. */
async function openOne(name: GpuEngine, machine: GpuMachine): Promise<Engine> {
  if (name === 'onnx-webgpu') {
    const found = machine.adapters();
    const [first] = found.adapters ?? [];
    if (!first || isSoftware(first)) throw new Error(`no GPU in hardware was found: ${describeAdapters(found)}`);
    return machine.open(name);
  }
  if (!machine.hasTensorflow()) throw new Error('@tensorflow/tfjs-node-gpu is not installed');
  const engine = await machine.open(name).catch((error) => {
    throw new Error(`TensorFlow does not start: ${messageOf(error)}`, { cause: error });
  });
  const { isUsingGpuDevice } = engine.tf.backend() as { isUsingGpuDevice?: boolean };
  if (!isUsingGpuDevice) throw new Error('TensorFlow finds no GPU that it can use');
  return engine;
}

/**
 * Opens an engine that computes on this machine's GPU, never on a software one.
 * @throws RunError with what was seen when there is none: any other engine would train for hours on what a GPU costs.
 */
export async function openOnGpu({ choice = 'auto', recorded, warn }: GpuWish, machine: GpuMachine): Promise<Engine> {
  const usual = gpuEngines.toSorted((a, b) => Number(b === recorded) - Number(a === recorded));
  const failures: string[] = [];
  let cause: unknown;
  for (const name of choice === 'auto' ? usual : [choice]) {
    try {
      const engine = await openOne(name, machine);
      for (const failure of failures) warn?.(failure);
      return engine;
    } catch (error) {
      failures.push(`engine ${name}: ${messageOf(error)}`);
      cause ??= error;
    }
  }
  const lines = [...failures, ...machine.look()].map((line) => `  ${line}`);
  throw new RunError(`this machine is there for its GPU, and no engine can use one\n${lines.join('\n')}`, {
    where: 'training.engine',
    remedy: 'Mend the image or the machine, or name an engine that needs no GPU: training.engine: onnx.',
    cause,
  });
}

/** By which Nvidia's container runtime gives a container its GPU, and Vulkan's loader finds drivers. */
const variables = ['NVIDIA_VISIBLE_DEVICES', 'NVIDIA_DRIVER_CAPABILITIES', 'VK_ICD_FILENAMES', 'VK_DRIVER_FILES'];

/** The folders of the files that tell Vulkan's loader of drivers. */
const driverFolders = ['/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/share/vulkan/icd.d'];

/** Names in a folder; none where it can't be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

/** What a container was given of its machine's GPU, as far as it can be seen from inside. */
export function lookForGpu(environment: NodeJS.ProcessEnv, list: (folder: string) => string[] = namesIn): string[] {
  const told = variables.map((name) => `${name}=${environment[name] ?? '(not set)'}`);
  const drivers = driverFolders.flatMap((folder) => list(folder).map((name) => `${folder}/${name}`));
  const devices = list('/dev').filter((name) => /^nvidia|^dri$/.test(name));
  return [
    `environment: ${told.join(', ')}`,
    `drivers of Vulkan: ${drivers.join(', ') || `none in ${driverFolders.join(', ')}`}`,
    `devices: ${devices.map((name) => `/dev/${name}`).join(', ') || 'no /dev/nvidia*, no /dev/dri'}`,
  ];
}
