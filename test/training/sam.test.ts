import { describe, expect, it } from 'vitest';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import type { Objective, Problem } from '../../shared/training/problem.ts';
import { samSchema } from '../../shared/training/sam.ts';
import { type EpochRequest, trainEpoch } from '../../shared/training/train-epoch.ts';
import { trainingSteps } from '../../shared/training/training-step.ts';
import { readJsonFixture } from '../support/fixtures.ts';

interface PublishedRun {
  optimizer: string;
  rho: number;
  adaptive?: boolean;
  clipNorm?: number;
  rhoMultipliers?: Record<string, number>;
  parts?: number[][];
  losses: number[];
  gradientNorms: number[];
  after: Record<string, number[]>;
}

const golden = await readJsonFixture<{
  learningRate: number;
  multipliers: Record<string, number>;
  weightDecay: number;
  x: number[];
  y: number[];
  start: Record<string, number[]>;
  runs: Record<string, PublishedRun>;
}>('optimizers', 'sam.json');

const specs: ParameterSpec[] = [
  { name: 'first', shape: [3, 4], decay: true },
  { name: 'bias', shape: [4], decay: true },
  { name: 'last', shape: [4, 2, 2], decay: true, complex: true },
];
const start: HostTensors = new Map(
  specs.map(({ name, shape }) => [name, { shape, data: Float32Array.from(golden.start[name]!) }]),
);

/** A hidden layer with tanh, then a complex one; the mean squared error. A mask, where given, is one of dropout. */
const objective: Objective = {
  parameters: specs,
  loss(tf, { first, bias, last }, { inputs }) {
    const hidden = tf.tanh(tf.add(tf.matMul(inputs.x!, first!), bias!));
    const kept = inputs.mask ? tf.mul(hidden, inputs.mask) : hidden;
    return tf.mean(tf.square(tf.sub(tf.matMul(kept, tf.reshape(last!, [4, 4])), inputs.y!)));
  },
};

const rowsOf = (values: readonly number[], width: number, rows: readonly number[]) => ({
  shape: [rows.length, width],
  data: Float32Array.from(rows.flatMap((row) => values.slice(row * width, (row + 1) * width))),
});

function problem({
  steps = 5,
  parts = [[0, 1, 2, 3, 4, 5]],
  y = golden.y,
  mask,
}: {
  steps?: number;
  parts?: number[][];
  y?: readonly number[];
  mask?: number[];
}): Problem {
  const batch = () =>
    parts.map((rows) => ({
      count: rows.length,
      inputs: new Map([
        ['x', rowsOf(golden.x, 3, rows)],
        ['y', rowsOf(y, 4, rows)],
        ...(mask ? [['mask', rowsOf(mask, 4, rows)] as const] : []),
      ]),
    }));
  return {
    objective,
    fixed: new Map(),
    inParts: parts.length > 1,
    stepsPerEpoch: steps,
    batches: () => Array.from({ length: steps }, () => batch),
  };
}

/** Those of the golden runs, with factors on the radius. */
const ratesWith = (radii: Record<string, number> = {}) =>
  Object.fromEntries(
    Object.entries(golden.multipliers).map(([name, learningRate]) => [
      name,
      { learningRate, weightDecay: 1, ...(radii[name] === undefined ? {} : { rho: radii[name] }) },
    ]),
  );

const request = async (
  engineName: (typeof engineNames)[number],
  optimizer: string,
  changes: Partial<EpochRequest>,
): Promise<EpochRequest> => ({
  engine: await openEngine(engineName),
  problem: problem({}),
  optimizer: buildOptimizer(
    optimizerSchema.parse({ name: optimizer, ...(optimizer.startsWith('adam') ? { complexMoments: 'separate' } : {}) }),
  ),
  parameters: start,
  state: undefined,
  epoch: 1,
  baseRate: () => golden.learningRate,
  weightDecay: golden.weightDecay,
  rates: ratesWith(),
  ...changes,
});

const engineNames = availableEngines();
const cases = engineNames.flatMap((engineName) => Object.keys(golden.runs).map((name) => ({ name, engineName })));

describe('sharpness-aware minimisation', () => {
  it.each(cases)('takes the published steps with $name on $engineName', async ({ name, engineName }) => {
    const { optimizer, rho, adaptive, clipNorm, rhoMultipliers, parts, ...expected } = golden.runs[name]!;
    const sam = samSchema.parse({ rho, adaptive });
    const given = await request(engineName, optimizer, {
      sam,
      clipNorm,
      rates: ratesWith(rhoMultipliers),
      problem: problem({ ...(parts ? { parts } : {}) }),
    });
    const { losses, gradientNorm, parameters } = await trainEpoch(given);
    expect(losses).toEqual(expected.losses.map((loss) => expect.closeTo(loss, 5)));
    expect(gradientNorm.largest).toBeCloseTo(Math.max(...expected.gradientNorms), 5);
    for (const [parameter, values] of Object.entries(expected.after)) {
      const found = [...parameters.get(parameter)!.data];
      expect(found, parameter).toEqual(values.map((value) => expect.closeTo(value, 5)));
    }
  });

  it.each(engineNames)('drops the same in both passes on %s', async (engineName) => {
    const mask = Array.from({ length: 24 }, (_, index) => (index % 4 === 1 ? 0 : 2));
    const given = await request(engineName, 'sgd', {
      sam: { rho: 0.5, adaptive: false },
      weightDecay: 0,
      problem: problem({ mask }),
    });
    const { parameters } = await trainEpoch(given);
    const still = [...parameters.get('bias')!.data].map((value, at) => value === start.get('bias')!.data[at]);
    expect(still).toEqual([false, true, false, false]);
  });

  it.each([false, true])('stays finite where there is no slope, with adaptive %s', async (adaptive) => {
    const zeros: HostTensors = new Map(
      specs.map(({ name, shape }) => [name, { shape, data: new Float32Array(start.get(name)!.data.length) }]),
    );
    const given = await request('wasm', 'sgd', { parameters: zeros, sam: { rho: 0.5, adaptive } });
    const { parameters, gradientNorm } = await trainEpoch({
      ...given,
      problem: problem({ steps: 1, y: golden.y.map(() => 0) }),
    });
    expect(gradientNorm.largest).toBe(0);
    expect(parameters).toEqual(zeros);
  });

  it('records how far each parameter went, and nothing of it without SAM', async () => {
    const rates = ratesWith({ first: 2, last: 0 });
    const appliedWith = async (changes: Partial<EpochRequest>) =>
      (await trainEpoch(await request('wasm', 'sgd', { rates, ...changes }))).applied;
    const radii = (await appliedWith({ sam: { rho: 0.5, adaptive: false } })).map(({ group, rho, rhoMultiplier }) => ({
      group,
      rho,
      rhoMultiplier,
    }));
    expect(radii).toEqual([
      { group: 'first', rho: 1, rhoMultiplier: 2 },
      { group: 'bias', rho: 0.5, rhoMultiplier: 1 },
      { group: 'last', rho: 0, rhoMultiplier: 0 },
    ]);
    for (const each of await appliedWith({})) expect(Object.keys(each).filter((key) => /rho/.test(key))).toEqual([]);
  });

  it.each(engineNames)('goes as far as the epoch says on %s, by the same step', async (engineName) => {
    const twoEpochs = async (name: (typeof engineNames)[number]) => {
      const given = await request(name, 'sgd', { sam: { rho: 0.5, adaptive: false }, rates: ratesWith({ first: 2 }) });
      const { parameters, state } = await trainEpoch(given);
      const later = { parameters, state, epoch: 2, rates: ratesWith({ first: 0, last: 3 }) };
      return trainEpoch({ ...given, ...later, sam: { rho: 0.25, adaptive: false } });
    };
    const [expected, found] = [await twoEpochs('cpu'), await twoEpochs(engineName)];
    expect(found.losses).toEqual(expected.losses.map((loss) => expect.closeTo(loss, 5)));
    expect(found.applied.map(({ rho }) => rho)).toEqual([0, 0.25, 0.75]);
    for (const [name, { data }] of expected.parameters) {
      expect([...found.parameters.get(name)!.data], name).toEqual([...data].map((value) => expect.closeTo(value, 5)));
    }
  });

  it('takes its radius as an input: another one needs no other step', () => {
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'sgd' }));
    const stepsWith = (rho: number, adaptive = false) =>
      trainingSteps(objective, optimizer, { sam: { rho, adaptive } });
    const steps = stepsWith(0.05);
    expect(stepsWith(0.1)).toBe(steps);
    expect(stepsWith(0.1, true)).not.toBe(steps);
  });

  it('leaves the state that the optimizer leaves without it', async () => {
    const names = async (changes: Partial<EpochRequest>) => [
      ...(await trainEpoch(await request('wasm', 'adamw', changes))).state.keys(),
    ];
    expect(await names({ sam: { rho: 0.05, adaptive: true } })).toEqual(await names({}));
  });

  it('refuses a distance of 0, and settings that it does not know', () => {
    expect(samSchema.safeParse({ rho: 0 }).success).toBe(false);
    expect(samSchema.safeParse({ rho: 0.05, eta: 0.01 }).success).toBe(false);
  });
});
