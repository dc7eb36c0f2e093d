import { beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseRunFile } from '../../shared/config/parse-run-file.ts';
import type { Engine, EngineName, Loop } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { choiceInWords, chooseEngine, type EngineSource } from '../../shared/pipeline/choose-engine.ts';
import { planWorkload } from '../../shared/pipeline/open-workload.ts';
import { timeStep } from '../../shared/training/time-step.ts';
import type { StartablePlan, Workload } from '../../shared/training/workload.ts';
import { smallRun } from '../support/small-run.ts';

const config = parseRunFile(
  stringify({ ...smallRun, balance: 'off', training: { ...smallRun.training, accumulate: 2 } }),
  'run.yaml',
);

let plain: Engine;
let small: StartablePlan;
/** The same step, said to be one that is worth measuring. */
let large: StartablePlan;

beforeAll(async () => {
  plain = await openEngine('cpu');
  small = await planWorkload(config);
  large = { ...small, stepFlops: 1e12 };
});

/** The plain engine under another name, on a clock that it moves itself: compiling takes 100 s, a step after it so many milliseconds. */
function machine(milliseconds: Partial<Record<EngineName, number>>, changes: Partial<EngineSource> = {}) {
  const told: string[] = [];
  const log: string[] = [];
  let clock = 0;
  const standIn = (name: EngineName): Engine => ({
    ...plain,
    name,
    version: `${name} 1.0`,
    async loop(step, given) {
      const loop: Loop = await plain.loop(step, given);
      const seen = new Set<unknown>();
      return {
        ...loop,
        async run(inputs, options) {
          clock += seen.has(options?.step) ? milliseconds[name]! : 100_000;
          seen.add(options?.step);
          return loop.run(inputs, options);
        },
      };
    },
  });
  const known = new Map<EngineName, Engine>();
  const open = async (name: EngineName) => {
    const engine = known.get(name) ?? standIn(name);
    known.set(name, engine);
    return engine;
  };
  const source: EngineSource = {
    candidates: () => ({
      names: (['tfjs-node-gpu', 'onnx-webgpu'] as const).filter((name) => name in milliseconds),
      passedOver: [],
    }),
    tryOut: async (name) => {
      log.push(`tried ${name}`);
      return { works: true, version: '', difference: 0 };
    },
    open,
    openOnProcessor: () => open('onnx'),
    close: async ({ name }) => void log.push(`closed ${name}`),
    async time(plan, engine) {
      log.push(`timed ${engine.name}`);
      return timeStep(plan, engine, () => clock);
    },
    ...changes,
  };
  const choose = async (plan: StartablePlan, recorded?: EngineName) => {
    const { engine, choice } = await chooseEngine(plan, config.training, {
      warn: (message) => told.push(message),
      recorded,
      source,
    });
    return { engine: engine.name, choice };
  };
  return { choose, told, log, source };
}

describe('auto', () => {
  it('takes the GPU where a step is faster there, compilation excluded', async () => {
    const { choose, told, log } = machine({ onnx: 300, 'onnx-webgpu': 40 });
    const { engine, choice } = await choose(large);
    expect(engine).toBe('onnx-webgpu');
    // Each of the two parts of a batch is timed.
    expect(choice).toEqual({
      engine: 'onnx-webgpu',
      measured: [
        { engine: 'onnx', version: 'onnx 1.0', stepSeconds: 0.6 },
        { engine: 'onnx-webgpu', version: 'onnx-webgpu 1.0', stepSeconds: 0.08 },
      ],
    });
    expect(choiceInWords(choice!)).toBe(
      'a step takes 600 ms on onnx (onnx 1.0), 80 ms on onnx-webgpu (onnx-webgpu 1.0): onnx-webgpu trains, as training.engine is auto',
    );
    expect(told).toEqual([]);
    expect(log).toEqual(['tried onnx-webgpu', 'timed onnx', 'timed onnx-webgpu']);
  });

  it('takes the processor where that is faster, and gives up the GPUs', async () => {
    const { choose, log } = machine({ onnx: 30, 'onnx-webgpu': 40, 'tfjs-node-gpu': 50 });
    const { engine, choice } = await choose(large);
    expect(engine).toBe('onnx');
    expect(choice?.measured).toHaveLength(3);
    expect(log.filter((line) => line.startsWith('closed'))).toEqual(['closed tfjs-node-gpu', 'closed onnx-webgpu']);
  });

  it('measures nothing where the step is small, or there is no GPU', async () => {
    const { choose, log } = machine({ onnx: 300, 'onnx-webgpu': 40 });
    expect(await choose(small)).toEqual({ engine: 'onnx', choice: { engine: 'onnx' } });
    expect(log).toEqual([]);
    const without = machine({ onnx: 300 });
    expect(await without.choose(large)).toEqual({ engine: 'onnx', choice: { engine: 'onnx' } });
    expect([...without.log, ...without.told]).toEqual([]);
  });

  it('says why GPUs are passed over', async () => {
    const { choose, told } = machine(
      { onnx: 300, 'onnx-webgpu': 40 },
      {
        candidates: () => ({ names: ['onnx-webgpu'], passedOver: ['one is passed over: it is software'] }),
        tryOut: async () => ({ works: false, reason: 'its process ended (SIGSEGV)' }),
      },
    );
    expect((await choose(large)).engine).toBe('onnx');
    expect(told).toEqual([
      'one is passed over: it is software',
      'onnx-webgpu is passed over: its process ended (SIGSEGV)',
    ]);
  });

  it('stays on the processor where the GPU is lost while it is measured', async () => {
    const lost = machine({ onnx: 300, 'onnx-webgpu': 40 });
    const { choose, told, log } = machine(
      { onnx: 300, 'onnx-webgpu': 40 },
      {
        async time(plan, engine) {
          if (engine.name === 'onnx-webgpu') throw new Error('the GPU was lost\n  Resume the run.');
          return lost.source.time(plan, engine);
        },
        close: () => Promise.reject(new Error('lost')),
      },
    );
    expect(await choose(large)).toMatchObject({ engine: 'onnx', choice: { engine: 'onnx', measured: [{}] } });
    expect(told).toEqual(['onnx-webgpu is passed over, as a step could not be measured on it: the GPU was lost']);
    expect(log).toEqual(['tried onnx-webgpu']);
  });

  it('stays with what is on record, and goes to the processor where that is gone', async () => {
    const { choose, told, log } = machine({ onnx: 30, 'onnx-webgpu': 40 });
    expect(await choose(large, 'onnx-webgpu')).toEqual({ engine: 'onnx-webgpu', choice: undefined });
    expect(await choose(large, 'onnx')).toEqual({ engine: 'onnx', choice: undefined });
    expect([...log, ...told]).toEqual([]);
    expect((await choose(large, 'tfjs-node-gpu')).engine).toBe('onnx');
    expect(told).toEqual([
      'the run has tfjs-node-gpu on record, and goes on on the processor: this machine has no such GPU',
    ]);
  });

  it('keeps nothing on record where onnx does not start, which may be mended', async () => {
    const { choose } = machine({ wasm: 1 }, { openOnProcessor: async () => ({ ...plain, name: 'wasm' }) });
    expect(await choose(large)).toEqual({ engine: 'wasm', choice: undefined });
  });
});

it('measures without a trace in the run: an epoch after it has the same bits', async () => {
  const train = async (workload: Workload) => {
    const { losses, parameters } = await workload.train(1, await workload.initial(), undefined, {}, () => undefined);
    return { losses, weights: [...parameters.values()].map(({ data }) => [...data]) };
  };
  const unmeasured = await train((await planWorkload(config)).on(plain));
  const plan = await planWorkload(config);
  await timeStep(plan, plain, () => 0);
  expect(await train(plan.on(plain))).toEqual(unmeasured);
});
