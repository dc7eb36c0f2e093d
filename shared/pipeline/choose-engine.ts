/** What `training.engine: auto` takes on this machine: the faster of its processor and its GPU, measured on the run's own step. */
import { z } from 'zod';
import { messageOf } from '../core/errors.ts';
import { threadsAllowed } from '../core/threads.ts';
import { stepSecondsOf, thisMachine } from '../decisions/estimate.ts';
import { numbersKept } from '../decisions/memory.ts';
import { type Engine, type EngineName, engineNames } from '../engines/engine.ts';
import { type GpuCandidates, gpuCandidates } from '../engines/gpu-candidates.ts';
import { closeEngine, openEngine, openOnProcessor } from '../engines/open-engine.ts';
import { type Trial, tryEngine } from '../engines/try-engine.ts';
import { totalCount } from '../tensors/tensor.ts';
import type { TrainingConfig } from '../training/config.ts';
import { timeStep } from '../training/time-step.ts';
import type { StartablePlan } from '../training/workload.ts';

export const engineChoiceSchema = z.strictObject({
  engine: z.enum(engineNames),
  /** Seconds of a step on each engine that was measured; absent: none was. */
  measured: z
    .array(z.strictObject({ engine: z.enum(engineNames), version: z.string(), stepSeconds: z.number() }))
    .readonly()
    .optional(),
});

/** The engine that `auto` took, for the run's record. */
export type EngineChoiceRecord = z.infer<typeof engineChoiceSchema>;
type Measured = NonNullable<EngineChoiceRecord['measured']>[number];

/** Engines of a machine. */
export interface EngineSource {
  candidates(): GpuCandidates;
  /** Tries an engine in a process of its own, since a driver may end it. */
  tryOut(name: EngineName): Promise<Trial>;
  open(name: EngineName): Promise<Engine>;
  openOnProcessor(warn: (message: string) => void): Promise<Engine>;
  close(engine: Engine): Promise<void>;
  /** Seconds of a step of the run. */
  time(plan: StartablePlan, engine: Engine): Promise<number>;
}

const ofThisMachine: EngineSource = {
  candidates: () => gpuCandidates(),
  tryOut: (name) => tryEngine(name),
  open: (name) => openEngine(name),
  openOnProcessor,
  close: closeEngine,
  time: (plan, engine) => timeStep(plan, engine, () => performance.now()),
};

/** Steps that take less on a processor stay there: on a GPU, handing its thousand operations over takes about as long. */
const leastMeasuredSeconds = 0.02;

/** More threads gain little. */
const mostThreads = 8;

/** Seconds that a step is expected to take on this machine's processor. */
function estimatedStep(plan: StartablePlan, training: TrainingConfig): number {
  const { stepFlops, stepActivations, passes, parameters } = plan;
  const stateNumbers = numbersKept(training, parameters);
  const threads = Math.min(mostThreads, threadsAllowed());
  return stepSecondsOf(
    { stepFlops, stepActivations, passes, parameters: totalCount(parameters), stateNumbers },
    thisMachine({}, { threads, isCompiled: true }),
  );
}

/** `512 ms`, `1.4 s` */
const inWords = (seconds: number) =>
  seconds < 1 ? `${Number((1000 * seconds).toPrecision(2))} ms` : `${Number(seconds.toPrecision(2))} s`;

/** The measurements and the choice, in words. */
export function choiceInWords({ engine, measured = [] }: EngineChoiceRecord): string {
  const times = measured.map(({ version, ...each }) => `${inWords(each.stepSeconds)} on ${each.engine} (${version})`);
  return `a step takes ${times.join(', ')}: ${engine} trains, as training.engine is auto`;
}

const isOnProcessor = (name: EngineName) => name !== 'tfjs-node-gpu' && name !== 'onnx-webgpu';

const firstLine = (text: string) => text.split('\n')[0]!;

interface ChooseOptions {
  readonly warn: (message: string) => void;
  /** The engine on the run's record; absent: none yet. */
  readonly recorded?: EngineName | undefined;
  readonly source?: EngineSource;
}

/**
 * Opens the engine that the run has on record, or else the one that computes a step of it in the shortest time. Small models stay on
 * the processor, and so does a run whose GPU can't be measured; nothing is measured where there is no GPU in hardware.
 */
export async function chooseEngine(
  plan: StartablePlan,
  training: TrainingConfig,
  { warn, recorded, source = ofThisMachine }: ChooseOptions,
): Promise<{ engine: Engine; choice?: EngineChoiceRecord }> {
  if (recorded !== undefined) return { engine: await openRecorded(recorded, source, warn) };
  if (estimatedStep(plan, training) < leastMeasuredSeconds) return onProcessor(source, warn);
  const { names, passedOver } = source.candidates();
  for (const message of passedOver) warn(message);
  const working: EngineName[] = [];
  for (const name of names) {
    const trial = await source.tryOut(name);
    if (trial.works) working.push(name);
    else warn(`${name} is passed over: ${trial.reason}`);
  }
  return working.length === 0 ? onProcessor(source, warn) : measuredFastest(plan, working, source, warn);
}

/** The processor's engine. That onnx does not start here is not kept on record: it may be mended. */
async function onProcessor(source: EngineSource, warn: ChooseOptions['warn'], measured: readonly Measured[] = []) {
  const engine = await source.openOnProcessor(warn);
  if (engine.name === 'wasm') return { engine };
  return { engine, choice: { engine: engine.name, ...(measured.length > 0 ? { measured } : {}) } };
}

async function measuredFastest(
  plan: StartablePlan,
  gpus: readonly EngineName[],
  source: EngineSource,
  warn: ChooseOptions['warn'],
): Promise<{ engine: Engine; choice?: EngineChoiceRecord }> {
  const processor = await source.openOnProcessor(warn);
  const measured: Measured[] = [];
  const timeOn = async (engine: Engine) => {
    const { name, version } = engine;
    measured.push({ engine: name, version, stepSeconds: await source.time(plan, engine) });
  };
  await timeOn(processor);
  for (const name of gpus) {
    let gpu: Engine | undefined;
    try {
      gpu = await source.open(name);
      await timeOn(gpu);
    } catch (error) {
      warn(`${name} is passed over, as a step could not be measured on it: ${firstLine(messageOf(error))}`);
      // A GPU that was lost can't give back what it held.
      if (gpu) await source.close(gpu).catch(() => undefined);
    }
  }
  const { engine: fastest } = measured.reduce((best, each) => (each.stepSeconds < best.stepSeconds ? each : best));
  for (const { engine: name } of measured.slice(1)) {
    if (name !== fastest) await source.close(await source.open(name)).catch(() => undefined);
  }
  if (isOnProcessor(fastest)) return onProcessor(source, warn, measured);
  return { engine: await source.open(fastest), choice: { engine: fastest, measured } };
}

/** The engine on record; the processor's where this machine does not have it. */
async function openRecorded(name: EngineName, source: EngineSource, warn: ChooseOptions['warn']): Promise<Engine> {
  if (isOnProcessor(name)) return source.openOnProcessor(warn);
  const { names, passedOver } = source.candidates();
  const missing = (why: string) => `the run has ${name} on record, and goes on on the processor: ${why}`;
  if (!names.includes(name)) {
    warn(missing(passedOver[0] ?? 'this machine has no such GPU'));
    return source.openOnProcessor(warn);
  }
  try {
    return await source.open(name);
  } catch (error) {
    warn(missing(firstLine(messageOf(error))));
    return source.openOnProcessor(warn);
  }
}
