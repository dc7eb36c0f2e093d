/** What every optimizer is held to: one of this package, or of a plugin. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { toEngine, toHost } from '../../shared/engines/transfer.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import type { StepScalars } from '../../shared/training/optimizer.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';

const specs: ParameterSpec[] = [
  { name: 'matrix', shape: [2, 2], decay: true },
  { name: 'norm', shape: [2], decay: false },
  { name: 'spectral', shape: [2, 2], decay: true, complex: true },
];
const start: HostTensors = new Map([
  ['matrix', { shape: [2, 2], data: Float32Array.of(1, -2, 3, 0.5) }],
  ['norm', { shape: [2], data: Float32Array.of(1, 1) }],
  ['spectral', { shape: [2, 2], data: Float32Array.of(0.3, -0.4, 0.1, 0.2) }],
]);
const gradients: HostTensors = new Map([
  ['matrix', { shape: [2, 2], data: Float32Array.of(0.1, 0.2, -0.3, 0.4) }],
  ['norm', { shape: [2], data: Float32Array.of(0.5, -0.5) }],
  ['spectral', { shape: [2, 2], data: Float32Array.of(3, 4, 0.6, -0.8) }],
]);

/** The parameters after some steps with the same gradients. */
export async function update(
  config: unknown,
  rate: (name: string) => number,
  decay: number,
  steps = 1,
): Promise<HostTensors> {
  const engine = await openEngine('wasm');
  const { tf } = engine;
  const optimizer = buildOptimizer(optimizerSchema.parse(config));
  let [parameters, state] = [toEngine(tf, start), toEngine(tf, optimizer.init(specs))];
  for (let step = 1; step <= steps; step++) {
    const scalars = scalarsFor(engine, step, rate, decay);
    ({ parameters, state } = optimizer.update(tf, specs, parameters, toEngine(tf, gradients), state, scalars));
  }
  return toHost(parameters, start.keys());
}

function scalarsFor({ tf }: Engine, step: number, rate: (name: string) => number, decay: number): StepScalars {
  return {
    step: tf.scalar(step),
    learningRates: Object.fromEntries(specs.map(({ name }) => [name, tf.scalar(rate(name))])),
    weightDecays: Object.fromEntries(specs.map(({ name }) => [name, tf.scalar(decay)])),
  };
}

/** Tests of the optimizers with these names. */
export function optimizersConform(names: readonly string[]): void {
  describe.each(names)('%s', (name) => {
    it('leaves its arguments alone and names its state by slot and parameter', async () => {
      const engine = await openEngine('wasm');
      const { tf } = engine;
      const optimizer = buildOptimizer(optimizerSchema.parse({ name }));
      const initial = optimizer.init(specs);
      const [parameters, state] = [toEngine(tf, start), toEngine(tf, initial)];
      const scalars = scalarsFor(engine, 1, () => 0.1, 0.1);
      const result = optimizer.update(tf, specs, parameters, toEngine(tf, gradients), state, scalars);
      expect(await toHost(parameters, start.keys())).toEqual(start);
      expect(await toHost(state, initial.keys())).toEqual(initial);
      expect(Object.keys(result.state).sort()).toEqual([...initial.keys()].sort());
      expect([...initial.keys()].every((slot) => /^\w+\/(matrix|norm|spectral)$/.test(slot))).toBe(true);
      expect(
        Object.entries(result.state).every(([slot, { shape }]) => `${shape}` === `${initial.get(slot)!.shape}`),
      ).toBe(true);
    });

    it('moves each parameter by its own rate', async () => {
      const moved = await update({ name }, (parameter) => (parameter === 'matrix' ? 0 : 0.01), 0);
      expect(moved.get('matrix')).toEqual(start.get('matrix'));
      expect(moved.get('norm')!.data).not.toEqual(start.get('norm')!.data);
    });

    it('does not decay what is exempt', async () => {
      const [without, withDecay] = [await update({ name }, () => 0.01, 0), await update({ name }, () => 0.01, 0.5)];
      expect(withDecay.get('norm')).toEqual(without.get('norm'));
      expect(withDecay.get('matrix')).not.toEqual(without.get('matrix'));
    });
  });
}
