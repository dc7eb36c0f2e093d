import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileStore } from '../../shared/checkpoints/file-store.ts';
import { readManifest } from '../../shared/checkpoints/manifest.ts';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { beginRun, newRun } from '../../shared/local/run-folder.ts';
import { openRunPool, type RunPool } from '../../shared/local/run-pool.ts';
import { readMetrics } from '../../shared/pipeline/records.ts';
import { median, type Result, type Suite } from '../suite.ts';
import { timeEpochs } from './epoch-overhead.ts';

const runFile = fileURLToPath(new URL('../../examples/burgers/burgers.yaml', import.meta.url));
const epochs = 40;
const runs = 6;

/** Milliseconds from handing a run to the pool to its first step, and those of them in which epoch 0 was evaluated. */
async function timeStart(pool: RunPool, root: string, number: number): Promise<{ ms: number; evaluationMs: number }> {
  const settings = [
    `output.folder=${root}`,
    `output.name=run${number}`,
    'training.epochs=1',
    `training.seed=${number}`,
    `training.learningRate=${1e-3 * (1 + number)}`,
    ...(number % 2 === 0 ? ['balance=off'] : []),
  ];
  const config = await loadRunFile(runFile, settings.map(parseOverride));
  const folder = await newRun(config, { now: new Date() });
  await beginRun(folder, config);
  const { run } = folder;
  const began = performance.now();
  let first: number | undefined;
  const end = await pool.run({ root, run }, ({ type }) => {
    if (type === 'step') first ??= performance.now();
  });
  if (end.status !== 'done') throw new Error(`the run ended as ${end.status}`, { cause: end });
  const store = fileStore(root);
  const { seconds } = (await readMetrics(store, (await readManifest(store, run, 0))!))!;
  return { ms: first! - began, evaluationMs: 1000 * seconds };
}

/** The starts of runs of the same graph, one after the other, in one process of a pool. */
async function timeStarts(): Promise<Result> {
  const root = await mkdtemp(join(tmpdir(), 'tempbalance-bench-'));
  const pool = openRunPool({ processes: 1, threads: 1 });
  try {
    const starts: Awaited<ReturnType<typeof timeStart>>[] = [];
    for (let number = 0; number < runs; number++) starts.push(await timeStart(pool, root, number));
    const [cold, ...warm] = starts;
    return {
      case: 'start of a run',
      coldMs: cold!.ms,
      secondMs: warm[0]!.ms,
      secondEvaluationMs: warm[0]!.evaluationMs,
      laterMs: median(warm.slice(1).map(({ ms }) => ms)),
      laterEvaluationMs: median(warm.slice(1).map(({ evaluationMs }) => evaluationMs)),
    };
  } finally {
    await pool.close();
    await rm(root, { recursive: true, force: true });
  }
}

/** An epoch of a comparison's run beside training and analysis, its share of what is written at the end included. */
async function timeEpoch(name: string, options: Parameters<typeof timeEpochs>[1]): Promise<Result> {
  const { epochMs, analysisMs, writeMs } = await timeEpochs(epochs, options);
  const overheadMs = epochMs - analysisMs + writeMs / epochs;
  return { case: name, epochs, epochMs, analysisMs, writeMs, overheadMs };
}

/** What runs of a comparison cost beside what they compute. */
export const comparisonOverhead: Suite = {
  name: 'comparison-overhead',
  async run() {
    return [
      await timeEpoch('an epoch a task', { buffered: true }),
      await timeEpoch('all epochs in a task', { buffered: true, epochsPerTask: epochs + 1 }),
      await timeStarts(),
    ];
  },
};
