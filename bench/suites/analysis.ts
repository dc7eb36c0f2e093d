import { randomFor } from '../../shared/core/random.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { analyseLayers } from '../../shared/spectra/analyse.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import type { Layer } from '../../shared/tensors/layer.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { median, type Result, type Suite } from '../suite.ts';

const repeats = 9;
const config = spectraConfigSchema.parse({});

/** Median milliseconds to analyse these layers, after one run to warm up. */
export async function timeAnalysis(layers: readonly Layer[], tensors: HostTensors): Promise<number> {
  const times: number[] = [];
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const started = performance.now();
    await analyseLayers(layers, async (name) => tensors.get(name)!, config, portableSolver);
    if (repeat > 0) times.push(performance.now() - started);
  }
  return median(times);
}

function randomLayer(rows: number, columns: number): { layer: Layer; tensors: HostTensors } {
  const random = randomFor(1, 'bench-analysis', rows, columns);
  const data = Float32Array.from({ length: rows * columns }, () => random.normal() / Math.sqrt(columns));
  return {
    layer: { name: 'dense', kind: 'linear', weights: ['dense.weight'] },
    tensors: new Map([['dense.weight', { shape: [rows, columns], data }]]),
  };
}

/** Time to analyse a model's layers: eigenvalues and power-law fits. */
export const analysis: Suite = {
  name: 'analysis',
  async run() {
    const results: Result[] = [];
    const format = { kind: 'trajectories', space: [64], channels: 1, window: 10 } as const;
    const model = buildModel(fieldModelSchema.parse({ family: 'fno1d' }), format);
    const demo = await timeAnalysis(model.layers, model.initialise(randomFor(1, 'initialise')));
    results.push({ case: 'fno1d-demo', medianMs: demo });
    for (const [rows, columns] of [
      [256, 256],
      [256, 1024],
      [512, 512],
    ] as const) {
      const { layer, tensors } = randomLayer(rows, columns);
      results.push({ case: `dense-${rows}x${columns}`, medianMs: await timeAnalysis([layer], tensors) });
    }
    return results;
  },
};
