/** The runs and comparisons of a deployment, read from its bucket with the credentials of this machine. */
import { comparisonOf, executionOfComparison, listComparedRuns, listComparisons } from '../cloud/comparisons.ts';
import { activeRuns } from '../cloud/executions.ts';
import type { Cloud } from '../cloud/open-cloud.ts';
import { listCloudRuns, runOf } from '../cloud/runs.ts';
import { mapInFlight } from '../core/in-flight.ts';
import { readComparison } from '../pipeline/comparison/records.ts';
import { comparisonLine, runLine } from './lines.ts';
import type { ComparisonLine, Listing, RunLine, RunSource } from './listing.ts';

const readAtATime = 8;

/** Requests cost money: a hundred runs that have ended are asked for once, those under way at every look. */
const usualRefreshMs = 15_000;

/** @param options.refreshMs milliseconds between two looks */
export function deploymentSource(cloud: Cloud, { refreshMs = usualRefreshMs } = {}): RunSource {
  const { store, bucket, stack } = cloud;
  const runs = new Map<string, { readonly line: RunLine; readonly wasActive: boolean }>();
  const compared = new Map<string, { readonly state: string; readonly runs: readonly string[] }>();
  const comparisons = new Map<string, { readonly line: ComparisonLine; readonly wasActive: boolean }>();

  /** A run that nobody is at, and nobody was at the last time, stands as it did. */
  async function runOfId(id: string, isActive: boolean): Promise<RunLine> {
    const known = runs.get(id);
    if (known && !isActive && !known.wasActive) return known.line;
    const line = await runLine(store, id, stateOf(isActive));
    runs.set(id, { line, wasActive: isActive });
    return line;
  }

  /** The runs of a comparison that nobody is at are the same ones as before. */
  async function runsOfComparison({ id, state }: ComparisonLine): Promise<readonly string[]> {
    const known = compared.get(id);
    if (known && known.state === state && state !== 'running') return known.runs;
    const runs = await listComparedRuns(cloud, id);
    compared.set(id, { state, runs });
    return runs;
  }

  async function comparisonOfId(id: string): Promise<ComparisonLine> {
    const isActive = await isComparing(cloud, id);
    const known = comparisons.get(id);
    if (known && !isActive && !known.wasActive) return known.line;
    const line = await comparisonLine(store, id, stateOf(isActive));
    comparisons.set(id, { line, wasActive: isActive });
    return line;
  }

  return {
    label: `${stack} (s3://${bucket})`,
    store,
    refreshMs,
    async list(): Promise<Listing> {
      const [names, active, found] = await Promise.all([
        listCloudRuns(cloud),
        activeRuns(cloud),
        cloud.compareStateMachine === undefined ? [] : listComparisons(cloud),
      ]);
      const atATime = { count: readAtATime };
      const comparisons = await mapInFlight(found, atATime, (name) => comparisonOfId(comparisonOf(name)));
      const ofComparisons = await mapInFlight(comparisons, atATime, runsOfComparison);
      const ids = [...names.map(runOf), ...ofComparisons.flat()];
      return { runs: await mapInFlight(ids, atATime, (id) => runOfId(id, active.has(id))), comparisons, notes: [] };
    },
  };
}

const stateOf = (isActive: boolean) => (isActive ? 'running' : 'stopped');

/** Whether an execution is at a comparison; of one that can't be read, no. */
async function isComparing(cloud: Cloud, id: string): Promise<boolean> {
  const request = await readComparison(cloud.store, id).catch(() => undefined);
  return request !== undefined && (await executionOfComparison(cloud, request))?.status === 'RUNNING';
}
