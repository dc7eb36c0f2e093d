/** What this machine can train with: each engine and solver is tried. */
import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import packageJson from '../../package.json' with { type: 'json' };
import { messageOf } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import { threadsAllowed } from '../core/threads.ts';
import { type EngineName, engineNames } from '../engines/engine.ts';
import { gpuCandidates } from '../engines/gpu-candidates.ts';
import { isSoftware, vulkanAdapters } from '../engines/onnx/webgpu/adapters.ts';
import { availableEngines } from '../engines/open-engine.ts';
import { tryEngine } from '../engines/try-engine.ts';
import { solverFromEnvironment } from '../spectra/solvers/open-solver.ts';
import { type SolverName, solverNames } from '../spectra/solvers/solver.ts';
import { trySolver } from '../spectra/solvers/try-solver.ts';

/** What came of an engine or a solver; null: not known, or nothing to say. */
interface Tried<Name extends string> {
  readonly name: Name;
  readonly works: boolean;
  readonly version: string | null;
  /** Why it does not work, and what to do. */
  readonly reason: string | null;
  readonly remedy: string | null;
}

export interface ExaminedAdapter {
  readonly name: string;
  readonly kind: string;
  /** Whether the processor plays it. */
  readonly software: boolean;
}

/** What `tempbalance doctor --json` prints. Keys may be added under the same version; none is ever absent. */
export interface MachineReport {
  readonly version: 1;
  readonly canTrain: boolean;
  /** What `training.engine: auto` takes, and what it measures besides for models that are large enough. */
  readonly auto: { readonly processor: EngineName | null; readonly measures: readonly EngineName[] };
  /** `difference`: from the plain engine's weights, after three steps of a small model. */
  readonly engines: readonly (Tried<EngineName> & { readonly difference: number | null })[];
  /** GPUs that Vulkan finds, the one first that WebGPU takes; null where they can't be looked for. */
  readonly adapters: readonly ExaminedAdapter[] | null;
  readonly solvers: readonly (Tried<SolverName> & { readonly taken: boolean })[];
  readonly memory: {
    readonly totalBytes: number;
    readonly availableBytes: number;
    /** The limit of the container or control group, in bytes; null: none. */
    readonly limitBytes: number | null;
  };
  readonly processor: { readonly model: string | null; readonly processors: number; readonly threads: number };
  readonly versions: { readonly tempbalance: string; readonly node: string; readonly platform: string };
  /** Packages with native parts. */
  readonly packages: readonly {
    readonly name: string;
    readonly loads: boolean;
    readonly version: string | null;
    readonly reason: string | null;
  }[];
}

/** Trials at a time: each is a process of about 150 MB. */
const trialsAtOnce = 2;

const engineRemedies: Partial<Record<EngineName, string>> = {
  onnx: 'npm install --ignore-scripts onnxruntime-node; it has no binaries for musl or for macOS on x64. Without it, auto takes wasm.',
};

const solverRemedies: Partial<Record<SolverName, string>> = {
  openblas:
    'Install it (Debian: apt-get install libopenblas0-pthread) with the optional package koffi; wasm, a part of this package, takes its place.',
};

async function examineEngine(name: EngineName, installed: readonly EngineName[]) {
  if (name.startsWith('tfjs-node') && !installed.includes(name)) {
    const remedy = `npm install @tensorflow/${name}, or point TEMPBALANCE_TFJS_NODE to the folder that has it in node_modules.`;
    return { name, works: false, version: null, difference: null, reason: 'is not installed', remedy };
  }
  const trial = await tryEngine(name);
  if (trial.works) {
    const { version, difference } = trial;
    return { name, works: true, version, difference, reason: null, remedy: null };
  }
  const { reason, remedy = engineRemedies[name] ?? null } = trial;
  return { name, works: false, version: null, difference: null, reason, remedy };
}

async function examineSolver(name: SolverName) {
  const trial = await trySolver(name);
  if (trial.works) return { name, works: true, version: trial.version, reason: null, remedy: null };
  return { name, works: false, version: null, reason: trial.reason, remedy: solverRemedies[name] ?? null };
}

function examineMemory(): MachineReport['memory'] {
  const limit = process.constrainedMemory();
  const limitBytes = limit > 0 && limit < totalmem() ? limit : null;
  return { totalBytes: totalmem(), availableBytes: process.availableMemory(), limitBytes };
}

const ownRequire = createRequire(import.meta.url);
const versionIn = (name: string) => (ownRequire(`${name}/package.json`) as { version: string }).version;

/** Packages with native parts, and how each tells its version once it is loaded; ONNX Runtime is loaded by its engines alone. */
const nativePackages: Readonly<Record<string, () => string>> = {
  'onnxruntime-node': () => versionIn('onnxruntime-node'),
  tokenizers: () => {
    ownRequire('tokenizers');
    return versionIn('tokenizers');
  },
  koffi: () => (ownRequire('koffi') as { version: string }).version,
};

function examinePackages(): MachineReport['packages'] {
  return Object.entries(nativePackages).map(([name, load]) => {
    try {
      return { name, loads: true, version: load(), reason: null };
    } catch (error) {
      return { name, loads: false, version: null, reason: messageOf(error).split('\n')[0]! };
    }
  });
}

/**
 * Tries everything that trains on this machine.
 * @throws UserError when an environment variable of this package is wrong.
 */
export async function examineMachine(): Promise<MachineReport> {
  const threads = threadsAllowed();
  const wanted = solverFromEnvironment(process.env);
  const memory = examineMemory();
  const installed = availableEngines();
  const atOnce = { count: trialsAtOnce };
  const engines = await mapInFlight(engineNames, atOnce, (name) => examineEngine(name, installed));
  const here = solverNames.filter((name) => name !== 'accelerate' || process.platform === 'darwin');
  const solvers = await mapInFlight(here, atOnce, examineSolver);
  const taken = solvers.find(({ name, works }) => works && (wanted === 'auto' || wanted === name));
  const worksOf = (name: EngineName) => engines.some((engine) => engine.name === name && engine.works);
  const { adapters } = vulkanAdapters();
  const processor = (['onnx', 'wasm'] as const).find(worksOf) ?? null;
  return {
    version: 1,
    canTrain: engines.some(({ works }) => works),
    auto: { processor, measures: gpuCandidates().names.filter(worksOf) },
    engines,
    adapters: adapters?.map(({ name, kind }) => ({ name, kind, software: isSoftware({ name, kind }) })) ?? null,
    solvers: solvers.map((solver) => ({ ...solver, taken: solver === taken })),
    memory,
    processor: { model: cpus()[0]?.model.trim() || null, processors: availableParallelism(), threads },
    versions: {
      tempbalance: packageJson.version,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
    },
    packages: examinePackages(),
  };
}
