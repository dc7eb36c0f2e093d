/** Comparisons whose runs cost nothing: each is the ordinary workflow over a fake workload. */
import { stringify } from 'yaml';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { comparisonKeys } from '../../shared/checkpoints/comparison-keys.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import type { ComparisonSettings } from '../../shared/config/comparison.ts';
import { comparisonOf } from '../../shared/config/load-comparison.ts';
import { randomFor } from '../../shared/core/random.ts';
import { type ChildEnd, runComparison } from '../../shared/local/run-comparison.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import type { ComparisonContext, ComparisonEvent } from '../../shared/pipeline/comparison/context.ts';
import { readRequest } from '../../shared/pipeline/records.ts';
import { namedError } from '../../shared/pipeline/task-failure.ts';
import { fakeConfig, fakeContext } from './fake-run.ts';
import { type FakeBehaviour, fakeWorkload } from './fake-workload.ts';

export const comparison = 'fake';

const { model, dataset } = fakeConfig();

/** A compare file of the fake workload: plain and balanced, three rates, two tuning and four test seeds. */
const fakeCompareFile = {
  name: comparison,
  run: { model, dataset, training: { epochs: 2 } },
  test: { last: 2 },
  arms: { plain: { balance: 'off' }, balanced: {} },
  rates: [0.001, 0.003, 0.01],
  seeds: { tuning: [101, 102], test: [1, 2, 3, 4] },
};

export async function fakeSettings(changes: object = {}): Promise<ComparisonSettings> {
  return (await comparisonOf(stringify({ ...fakeCompareFile, ...changes }), 'fake.yaml')).settings;
}

/** What a run of these settings comes to, lower is better: the rate 0.003 is best, balanced runs are a tenth better. */
function metricOfRun({
  training,
  balance,
}: {
  training: { learningRate: number; seed: number };
  balance: unknown;
}): number {
  const offGrid = Math.abs(Math.log10(training.learningRate / 0.003));
  const noise = 0.02 * randomFor(training.seed, 'fake-noise', balance === 'off' ? 'plain' : 'other').uniform();
  const seeded = 0.1 * randomFor(training.seed, 'fake-seed').uniform();
  return (1 + offGrid + seeded + noise) * (balance === 'off' ? 1 : 0.9);
}

export async function beginFake(store: ArtifactStore, settings: ComparisonSettings, executions = 1): Promise<void> {
  const request = { version: 1, settings, data: {}, rows: { training: 3, test: 2 }, executions };
  await store.put(comparisonKeys.request(comparison), encodeJson(request));
}

export interface FakeComparison {
  /** Of runs whose names it is given. */
  readonly behaviour?: (run: string) => FakeBehaviour;
  /** Called before a run is trained; may throw what its execution then fails with. */
  readonly onRun?: (run: string) => ChildEnd | undefined;
  readonly number?: number;
  readonly context?: Partial<ComparisonContext>;
  readonly onTask?: Parameters<typeof runComparison>[2]['onTask'];
  readonly onState?: Parameters<typeof runComparison>[2]['onState'];
}

/** Does a comparison that was begun in the store; tells what was trained, in order. */
export async function doFake(
  store: ArtifactStore,
  { behaviour = () => ({}), onRun = () => undefined, number = 1, context, ...told }: FakeComparison = {},
) {
  const trained: string[] = [];
  const events: ComparisonEvent[] = [];
  const ctx: ComparisonContext = {
    store,
    now: () => new Date(Date.UTC(2026, 10, 23)),
    parallel: 2,
    versions: { tempbalance: '0.0.0' },
    emit: (event) => events.push(event),
    ...context,
  };
  const trainRun = async (child: string): Promise<ChildEnd> => {
    const run = child.split('/').at(-1)!;
    const end = onRun(run);
    if (end) return end;
    trained.push(run);
    const { config } = await readRequest(store, child);
    const metric = metricOfRun(config);
    const workload = fakeWorkload({ metric: () => metric, ...behaviour(run) });
    const execution = await runPipeline(child, fakeContext(store, workload, { process: run }), undefined, {
      retryDelay: 0,
    });
    return execution.status === 'failed' ? { status: 'failed', error: namedError(execution.error) } : execution;
  };
  const execution = await runComparison({ comparison, number }, ctx, { trainRun, retryDelay: 0, ...told });
  return { execution, trained, events };
}
