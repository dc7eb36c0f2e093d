import { readFile } from 'node:fs/promises';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { toEngine, toHost } from '../../shared/engines/transfer.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import type { Optimizer } from '../../shared/training/optimizer.ts';

type Named = Readonly<Record<string, readonly number[]>>;

/** Steps that a script made: flat values by parameter. */
export interface GoldenSteps {
  readonly weightDecay: number;
  /** Of each step. */
  readonly learningRates: readonly number[];
  readonly start: Named;
  /** Of each step. */
  readonly gradients: readonly Named[];
}

/** A file of `test/fixtures/optimizers`. */
export async function readGoldenSteps<More>(name: string): Promise<GoldenSteps & More> {
  return JSON.parse(await readFile(new URL(`../fixtures/optimizers/${name}.json`, import.meta.url), 'utf8'));
}

const tensorsOf = (specs: readonly ParameterSpec[], named: Named): HostTensors =>
  new Map(specs.map(({ name, shape }) => [name, { shape, data: Float32Array.from(named[name]!) }]));

/** Takes the steps with an optimizer; the parameters and its state after each. */
export async function takeGoldenSteps(
  optimizer: Optimizer,
  specs: readonly ParameterSpec[],
  { weightDecay, learningRates, start, gradients }: GoldenSteps,
): Promise<{ parameters: HostTensors; state: HostTensors }[]> {
  const { tf } = await openEngine('wasm');
  const every = (value: number) => Object.fromEntries(specs.map(({ name }) => [name, tf.scalar(value)]));
  const initial = optimizer.init(specs);
  let [parameters, state] = [toEngine(tf, tensorsOf(specs, start)), toEngine(tf, initial)];
  const after: { parameters: HostTensors; state: HostTensors }[] = [];
  for (const [index, gradient] of gradients.entries()) {
    ({ parameters, state } = optimizer.update(tf, specs, parameters, toEngine(tf, tensorsOf(specs, gradient)), state, {
      step: tf.scalar(index + 1),
      learningRates: every(learningRates[index]!),
      weightDecays: every(weightDecay),
    }));
    const names = specs.map(({ name }) => name);
    after.push({ parameters: await toHost(parameters, names.values()), state: await toHost(state, initial.keys()) });
  }
  return after;
}

/** The largest difference, relative to the largest value. */
export function relativeDifference(found: ArrayLike<number>, expected: readonly number[]): number {
  const differences = expected.map((value, index) => Math.abs(found[index]! - value));
  return Math.max(...differences) / Math.max(...expected.map(Math.abs));
}
