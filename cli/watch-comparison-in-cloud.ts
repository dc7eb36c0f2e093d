import { setTimeout as sleep } from 'node:timers/promises';
import type { Cloud } from '../shared/cloud/open-cloud.ts';
import { nameOf } from '../shared/cloud/runs.ts';
import { type WatchedComparison, watchComparison } from '../shared/cloud/watch-comparison.ts';
import { countRuns } from '../shared/pipeline/comparison/check-comparison.ts';
import { readComparison } from '../shared/pipeline/comparison/records.ts';
import { readComparisonResult } from '../shared/pipeline/comparison/result.ts';
import { renderComparisonText } from '../shared/reports/comparison/text.ts';
import { print } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { comparisonView } from './views/comparison-view.ts';

const pollMs = 5000;

/** Shows a comparison until it is judged, and then its result; returns the exit code that it would have had here. */
export async function watchComparisonInCloud(cloud: Cloud, comparison: string, json: boolean): Promise<number> {
  const name = nameOf(comparison);
  const { settings } = await readComparison(cloud.store, comparison);
  const view = comparisonView({ json, settings, counts: countRuns(settings) });
  const onSignal = () => {
    process.stderr.write(
      `no longer watching; the comparison goes on. npx tempbalance cloud watch ${name}, or stop it: npx tempbalance cloud stop ${name}\n`,
    );
    process.exit(exitCodes.interrupted);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    const events = watchComparison(cloud, comparison, () => sleep(pollMs));
    for (;;) {
      const next = await events.next();
      if (next.done) return await conclude(next.value, cloud, comparison, json);
      view.show(next.value);
    }
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

async function conclude(
  { execution, outcome }: WatchedComparison,
  { store }: Cloud,
  comparison: string,
  json: boolean,
): Promise<number> {
  const name = nameOf(comparison);
  const resume = `npx tempbalance cloud resume ${name}`;
  if (!outcome) {
    process.stderr.write(
      `the comparison is not at its end, and no execution is at it (the last: ${execution.status}); finished runs are kept. Go on with: ${resume}\n`,
    );
    return execution.status === 'FAILED' ? exitCodes.failed : exitCodes.interrupted;
  }
  if (outcome.outcome === 'failed') {
    process.stderr.write(`error: ${outcome.reason}\n  Finished runs are kept. Once it is mended: ${resume}\n`);
    return exitCodes.failed;
  }
  if (!json) {
    print(`\n${renderComparisonText(await readComparisonResult(store, comparison))}\n`);
    print(`page, run files and results: npx tempbalance cloud fetch ${name}`);
  }
  return exitCodes.done;
}
