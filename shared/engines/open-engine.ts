import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { messageOf, UserError } from '../core/errors.ts';
import { registerBatchedGather } from './batched-gather.ts';
import { recogniseBuffers } from './buffers-of-any-copy.ts';
import { eagerLoop } from './eager-loop.ts';
import { type Engine, type EngineChoice, type EngineName, engineNames, type TensorLibrary } from './engine.ts';
import { type GpuWish, lookForGpu, openOnGpu } from './gpu-machine.ts';
import { openOnnx } from './onnx/open-onnx.ts';
import { vulkanAdapters } from './onnx/webgpu/adapters.ts';
import { openWebgpu } from './onnx/webgpu/open-webgpu.ts';
import type { WasmBackend } from './wasm/backend.ts';
import { wasmKernels } from './wasm/kernels.ts';

type PackageLibrary = TensorLibrary & { version: Record<string, string> };

const ownRequire = createRequire(import.meta.url);

/** Where the native packages are looked for: a named folder, beside this package, the folder it is run in. */
function nativeRequires(): NodeJS.Require[] {
  const named = process.env.TEMPBALANCE_TFJS_NODE;
  const from = (folder: string) => createRequire(join(resolve(folder), 'package.json'));
  return [...(named ? [from(named)] : []), ownRequire, from(process.cwd())];
}

function findNative(name: EngineName): { requireNative: NodeJS.Require; id: string } | undefined {
  const id = `@tensorflow/${name}`;
  for (const requireNative of nativeRequires()) {
    try {
      requireNative.resolve(id);
      return { requireNative, id };
    } catch {}
  }
  return undefined;
}

/**
 * The engines that can be opened here, best first; `cpu`, a plain reference implementation, comes last. Without onnx-webgpu: whether there is
 * a GPU for it shows when it is opened.
 */
export function availableEngines(): EngineName[] {
  const isHere = (name: EngineName) => !name.startsWith('tfjs-node') || findNative(name) !== undefined;
  return engineNames.filter((name) => name !== 'onnx-webgpu' && isHere(name));
}

/** An engine that computes operation by operation. */
function eager(name: EngineName, version: string, tf: TensorLibrary): Engine {
  return { name, version, tf, loop: async (step, given) => eagerLoop(tf, step, given) };
}

/** tfjs-node calls `util.isNullOrUndefined`, which Node 22 warns of and Node 23 no longer has. */
function restoreRemovedUtilities(): void {
  const util = ownRequire('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined = (value) => value === null || value === undefined;
}

function openNative(name: 'tfjs-node' | 'tfjs-node-gpu'): Engine {
  const found = findNative(name);
  if (!found) {
    throw new UserError(`@tensorflow/${name} is not installed`, {
      where: `engine ${name}`,
      remedy: `Run: npm install @tensorflow/${name}, or point TEMPBALANCE_TFJS_NODE to the folder that has it in node_modules.`,
    });
  }
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  restoreRemovedUtilities();
  try {
    const tf = found.requireNative(found.id) as PackageLibrary;
    tf.enableProdMode();
    mended(tf);
    return eager(name, `${name} ${tf.version['tfjs-node'] ?? tf.version['tfjs-core']}`, tf);
  } catch (cause) {
    throw new UserError(`@tensorflow/${name} is installed but can't be loaded: ${messageOf(cause)}`, {
      where: found.requireNative.resolve(found.id),
      remedy: 'Reinstall it (its native part may be missing or built for another system), or choose the engine wasm.',
      cause,
    });
  }
}

const alreadyMended = new WeakSet<TensorLibrary>();

/** Once for each copy of the library, which several engines may share. */
function mended(tf: TensorLibrary): void {
  if (alreadyMended.has(tf)) return;
  registerBatchedGather(tf);
  recogniseBuffers(tf);
  alreadyMended.add(tf);
}

function loadPortable(): PackageLibrary {
  const tf = ownRequire('@tensorflow/tfjs') as PackageLibrary;
  tf.enableProdMode();
  mended(tf);
  return tf;
}

function openWasm(): Engine {
  const tf = loadPortable();
  const { version_wasm: version } = ownRequire('@tensorflow/tfjs-backend-wasm') as { version_wasm: string };
  const backend = () => tf.backend() as unknown as WasmBackend;
  for (const kernel of wasmKernels(tf, backend)) {
    if (tf.getKernel(kernel.kernelName, 'wasm')) tf.unregisterKernel(kernel.kernelName, 'wasm');
    tf.registerKernel(kernel);
  }
  return eager('wasm', `tfjs-backend-wasm ${version}`, tf);
}

function openCpu(): Engine {
  const tf = loadPortable();
  return eager('cpu', `tfjs-backend-cpu ${tf.version['tfjs-backend-cpu']}`, tf);
}

const openers: Readonly<Record<EngineName, () => Engine | Promise<Engine>>> = {
  onnx: () => openOnnx(loadPortable()),
  'onnx-webgpu': () => openWebgpu(loadPortable()),
  wasm: openWasm,
  cpu: openCpu,
  'tfjs-node': () => openNative('tfjs-node'),
  'tfjs-node-gpu': () => openNative('tfjs-node-gpu'),
};

/** The name of each engine inside the tensor library. */
const backendNames: Readonly<Record<EngineName, string>> = {
  onnx: 'cpu',
  'onnx-webgpu': 'cpu',
  wasm: 'wasm',
  cpu: 'cpu',
  'tfjs-node': 'tensorflow',
  'tfjs-node-gpu': 'tensorflow',
};

const opened = new Map<EngineName, Promise<Engine>>();

const open = async (name: EngineName) => openers[name]();

async function activate(name: EngineName): Promise<Engine> {
  const opening = opened.get(name) ?? open(name);
  opened.set(name, opening);
  opening.catch(() => opened.delete(name));
  const engine = await opening;
  if (!(await engine.tf.setBackend(backendNames[name]))) {
    throw new UserError(`the backend ${backendNames[name]} could not be started`, {
      where: `engine ${name}`,
      remedy: 'Choose another engine: wasm runs anywhere.',
    });
  }
  await engine.tf.ready();
  return engine;
}

/** What `auto` tries before it takes wasm, which runs anywhere: a GPU where it is installed, then whole steps on the processor. */
const preferred = () => availableEngines().filter((name) => name === 'tfjs-node-gpu' || name === 'onnx');

/**
 * The engine of a machine that is there for its GPU: onnx-webgpu where Vulkan names a GPU in hardware, else tfjs-node-gpu where it is installed.
 * @throws RunError with what was seen when neither can use one.
 */
export const openGpuEngine = (wish: GpuWish = {}): Promise<Engine> =>
  openOnGpu(wish, {
    adapters: vulkanAdapters,
    hasTensorflow: () => findNative('tfjs-node-gpu') !== undefined,
    open: activate,
    look: () => lookForGpu(process.env),
  });

/**
 * Opens a tensor engine and makes it the active one of this process (the tensor library knows one at a time).
 * `auto` takes tfjs-node-gpu where it is installed, else onnx, else wasm, and measures nothing; one that does not start is reported to `warn`.
 * @throws UserError when the chosen engine is not installed or does not start.
 */
export async function openEngine(choice: EngineChoice, warn: (message: string) => void = () => {}): Promise<Engine> {
  if (choice !== 'auto') return await activate(choice);
  return await openFirst(preferred(), warn);
}

/** The best engine of the processor that starts here: onnx, else wasm; one that does not start is reported to `warn`. */
export const openOnProcessor = (warn: (message: string) => void): Promise<Engine> => openFirst(['onnx'], warn);

/** The first that starts, or else wasm. */
async function openFirst(names: readonly EngineName[], warn: (message: string) => void): Promise<Engine> {
  for (const name of names) {
    try {
      return await activate(name);
    } catch (error) {
      warn(messageOf(error));
    }
  }
  return await activate('wasm');
}

/** Gives up an engine that is not computed on any more, with the memory that it holds; opened again, it starts anew. */
export async function closeEngine(engine: Engine): Promise<void> {
  opened.delete(engine.name);
  await engine.close?.();
}
