import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bufferedStore } from '../../shared/checkpoints/buffered-store.ts';
import { loadRunFile } from '../../shared/config/parse-run-file.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { beginRun, newRun } from '../../shared/local/run-folder.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import { openWorkload } from '../../shared/pipeline/open-workload.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { buildOptimizer } from '../../shared/training/optimizers/registry.ts';
import type { Workload } from '../../shared/training/workload.ts';
import { median, type Suite } from '../suite.ts';
import { timeAnalysis } from './analysis.ts';

const runFile = fileURLToPath(new URL('../../examples/burgers/burgers.yaml', import.meta.url));

/** The demo's model and data, whose training and evaluation take no time: what is left is everything around them. */
function instant(workload: Workload, optimizerState: HostTensors): Workload {
  return {
    ...workload,
    train: async (_epoch, parameters) => ({
      parameters,
      state: optimizerState,
      loss: 1,
      losses: [1, 1, 1, 1],
      baseLearningRates: [1e-3, 1e-3, 1e-3, 1e-3],
      gradientNorm: { mean: 0, largest: 0 },
      applied: workload.layers.map(({ name, weights }) => ({
        group: name,
        parameters: weights,
        learningRateMultiplier: 1,
        weightDecayMultiplier: 1,
        weightDecay: 0,
      })),
    }),
    evaluate: async () => ({ metrics: { nRMSE: 1, RMSE: 1, cRMSE: 1, maxError: 1, bRMSE: 1 } }),
  };
}

/**
 * Times the epochs of a run of which training and evaluation take no time, and what is written at its end, if writes wait in memory.
 * @param options.buffered as a run of a comparison does it
 */
export async function timeEpochs(
  epochs: number,
  { buffered = false, epochsPerTask }: { buffered?: boolean; epochsPerTask?: number } = {},
): Promise<{ epochMs: number; analysisMs: number; writeMs: number }> {
  const root = await mkdtemp(join(tmpdir(), 'tempbalance-bench-'));
  try {
    const overrides = [
      { path: ['output', 'folder'], value: root, text: '' },
      { path: ['training', 'epochs'], value: epochs, text: '' },
      ...(epochsPerTask === undefined ? [] : [{ path: ['compute', 'epochsPerTask'], value: epochsPerTask, text: '' }]),
    ];
    const config = await loadRunFile(runFile, overrides);
    const real = await openWorkload(config, console.warn);
    const optimizer = buildOptimizer(config.training.optimizer);
    const workload = instant(real, optimizer.init(real.parameters));
    const folder = await newRun(config, { now: new Date() });
    await beginRun(folder, config);
    const { run } = folder;
    const waiting = buffered ? bufferedStore(folder.store, run) : undefined;
    const marks: number[] = [];
    const lines: string[] = [];
    const emit = (event: ProgressEvent) => {
      lines.push(JSON.stringify(event));
      if (event.type === 'epoch') marks.push(performance.now());
    };
    const store = waiting ?? folder.store;
    const context: TaskContext = { ...localContext(store, emit), openWorkload: async () => workload };
    const execution = await runPipeline(run, context);
    if (execution.status !== 'done') throw new Error(`the run ended as ${execution.status}`, { cause: execution });
    const ended = performance.now();
    await waiting?.flush();
    return {
      epochMs: median(marks.slice(1).map((mark, index) => mark - marks[index]!)),
      writeMs: performance.now() - ended,
      analysisMs: await timeAnalysis(real.layers, await real.initial()),
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** What one local epoch costs beside training and analysis: store, manifest, interpreter, reporting. */
export const epochOverhead: Suite = {
  name: 'epoch-overhead',
  async run() {
    const epochs = 30;
    const { epochMs, analysisMs } = await timeEpochs(epochs);
    return [{ case: 'fno1d-demo', epochs, epochMs, analysisMs, overheadMs: epochMs - analysisMs }];
  },
};
