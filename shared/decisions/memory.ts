/** Whether a model fits the machines of a deployment. Pure: sizes in, bytes and refusals out. */
import { UserError } from '../core/errors.ts';
import type { Machine } from '../costs/machines.ts';
import type { EngineChoice } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { elementCount, totalCount } from '../tensors/tensor.ts';
import { type EmaConfig, withAverage } from '../training/ema.ts';
import type { OptimizerConfig } from '../training/optimizers/registry.ts';
import { buildOptimizer } from '../training/optimizers/registry.ts';
import type { StepWork } from '../training/workload.ts';
import { memoryOfFunction, memoryOfJob } from './assumptions.ts';
import type { Target } from './compute.ts';

const gibibyte = 2 ** 30;

/** The settings that decide how many numbers are kept of each weight while it is trained. */
interface StateSettings {
  readonly optimizer: OptimizerConfig;
  readonly ema?: EmaConfig | undefined;
}

/** State is counted on tensors that are cut to this length along each axis, and scaled up. */
const probed = 64;
const aMatrix: ParameterSpec = { name: 'probe', shape: [probed, probed], decay: true, layer: 'probe' };

/** Numbers that are kept for each weight, on average over the parameters: 2 for AdamW, and one more for the average of the weights. */
export function numbersKept(
  { optimizer, ema }: StateSettings,
  parameters: readonly ParameterSpec[] = [aMatrix],
): number {
  const { init } = withAverage(buildOptimizer(optimizer), ema);
  const kept = parameters.map((spec) => {
    const shape = spec.shape.map((length) => Math.min(length, probed));
    const state = [...init([{ ...spec, shape }]).values()];
    return (elementCount(spec.shape) * state.reduce((sum, { data }) => sum + data.length, 0)) / elementCount(shape);
  });
  return kept.reduce((sum, each) => sum + each, 0) / totalCount(parameters);
}

/** The size of a model, in numbers. */
export interface ModelSize {
  readonly trained: number;
  /** The number of frozen parameters: the base of an adapter. */
  readonly frozen: number;
  /** The number of frozen parameters that stay in 16 bits; absent: none. */
  readonly frozenHalves?: number | undefined;
  /** The trained parameters, where they are known; absent: all count as matrices. */
  readonly parameters?: readonly ParameterSpec[];
  /** Whether it is a language model; absent: one of fields. */
  readonly isOfTexts?: boolean;
}

/** The number of all parameters of a model. */
export const wholeSize = ({ trained, frozen }: ModelSize): number => trained + frozen;

/** Whether steps are compiled where a run trains: by onnx, which `auto` takes on a processor. */
export const isCompiledOn = (target: Target, engine: EngineChoice): boolean =>
  engine === 'onnx' || (engine === 'auto' && target === 'cpu');

/** Memory that training takes, in GiB. */
export interface MemoryNeed {
  readonly gb: number;
  /** Of it what is kept for the gradient, which grows with the batch. */
  readonly activationsGb: number;
}

/** Memory that a training job takes, or training on this machine, which is as a job on `cpu`: of the machine, without that of a GPU. */
export function jobMemory(
  size: ModelSize,
  { engine, ...settings }: StateSettings & { readonly engine: EngineChoice },
  target: Target,
  { heldActivations, dataBytes }: Pick<StepWork, 'heldActivations' | 'dataBytes'>,
): MemoryNeed {
  const isOnGpu = engine === 'onnx-webgpu' || (target === 'gpu' && (engine === 'auto' || engine === 'tfjs-node-gpu'));
  const compiled = size.isOfTexts ? 'texts' : 'compiled';
  const bytes = memoryOfJob[isCompiledOn(target, engine) ? compiled : isOnGpu ? 'gpu' : 'other'];
  const ofParameter = bytes.parameter + bytes.state * numbersKept(settings, size.parameters);
  const activations = bytes.activation * heldActivations;
  const { frozenHalves = 0 } = size;
  const frozen = (size.frozen - frozenHalves) * bytes.frozen + frozenHalves * bytes.frozenHalf;
  const all = bytes.base + size.trained * ofParameter + frozen + activations + dataBytes;
  return { gb: all / gibibyte, activationsGb: activations / gibibyte };
}

/** Memory that a function needs which reads a whole model, in GiB. */
export const functionGb = (parameters: number): number =>
  (memoryOfFunction.base + parameters * memoryOfFunction.parameter) / gibibyte;

const gb = (value: number) => Number(value.toPrecision(2));
const millions = (parameters: number) => `${Math.round(parameters / 1e6)} million parameters`;

/** What a deployment can be told to give a job: sizes in GiB, by its setting. */
const settings: Readonly<Record<Target, readonly (readonly [gb: number, setting: string])[]>> = {
  cpu: ([16, 30, 60, 120] as const).map((size) => [size, `cpuMemoryGb: ${size}`] as const),
  gpu: [
    [28, 'gpuSize: 2xlarge'],
    [60, 'gpuSize: 2xlarge, gpuClasses: ["g6e"]'],
  ],
};

/** @throws UserError when a training job would run out of memory. */
export function refuseJobTooSmall(
  size: ModelSize,
  { gb: neededGb, activationsGb }: MemoryNeed,
  target: Target,
  machine: Machine | undefined,
) {
  const hasGb = machine?.memoryGb;
  if (hasGb === undefined || neededGb <= hasGb) return;
  const [, setting] = settings[target].find(([size]) => size >= neededGb) ?? [];
  const [, onCpu] = settings.cpu.find(([size]) => size >= neededGb) ?? [];
  const larger = setting === undefined ? [] : [`set ${setting} in the context of cdk.json and deploy again`];
  const without = target === 'gpu' && onCpu !== undefined ? [`train without a GPU (compute: cpu, with ${onCpu})`] : [];
  const parts =
    neededGb - activationsGb < hasGb
      ? ['compute batches in more parts (training.accumulate), or take smaller ones (training.batchSize)']
      : [];
  const less =
    size.frozen > 0
      ? 'take a smaller model'
      : 'take a smaller model, an adapter (model.lora), or an optimizer that keeps less (adafactor)';
  const ways = [...larger, ...without, ...parts, less];
  throw new UserError(
    `training a model of ${millions(wholeSize(size))} takes about ${gb(neededGb)} GiB of memory, and a job on compute.target ${target} has ${hasGb}`,
    { where: 'model', remedy: `Either ${ways.join('; or ')}.` },
  );
}

/** @throws UserError when a function that reads the whole model would run out of memory. */
export function refuseFunctionTooSmall(parameters: number, hasGb: number): void {
  const needed = functionGb(parameters);
  if (needed <= hasGb) return;
  throw new UserError(
    `a function that reads ${millions(parameters)} takes about ${gb(needed)} GiB of memory, and has ${gb(hasGb)}`,
    {
      where: 'model',
      remedy: `Set functionMemoryMb to ${Math.ceil(needed) * 1024} in the context of cdk.json (10240 at most), and deploy again.`,
    },
  );
}
