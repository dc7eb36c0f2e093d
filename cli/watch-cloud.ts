import { setTimeout as sleep } from 'node:timers/promises';
import type { Cloud } from '../shared/cloud/open-cloud.ts';
import { nameOf } from '../shared/cloud/runs.ts';
import { type WatchedEnd, watchRun } from '../shared/cloud/watch-run.ts';
import { explainOutcome, readConfig } from '../shared/pipeline/records.ts';
import { print } from './command.ts';
import { divergedMessage } from './diverged.ts';
import { exitCodes } from './exit-codes.ts';
import { chooseView } from './views/choose-view.ts';

const pollMs = 5000;

/** Shows a run until it ends; returns the exit code that it would have had here. */
export async function watchCloud(cloud: Cloud, run: string, json: boolean): Promise<number> {
  const view = chooseView({ json, terminal: process.stdout.isTTY === true });
  const onSignal = () => {
    view.close();
    process.stderr.write(
      `no longer watching; the run goes on. npx tempbalance cloud watch ${nameOf(run)}, or stop it: npx tempbalance cloud stop ${nameOf(run)}\n`,
    );
    process.exit(exitCodes.interrupted);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    const events = watchRun(cloud, run, () => sleep(pollMs));
    for (;;) {
      const next = await events.next();
      if (next.done) {
        view.close();
        return await conclude(next.value, cloud, run, json);
      }
      view.show(next.value);
    }
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    view.close();
  }
}

async function conclude({ execution, outcome }: WatchedEnd, cloud: Cloud, run: string, json: boolean): Promise<number> {
  const name = nameOf(run);
  const resume = `npx tempbalance cloud resume ${name}`;
  if (!outcome) {
    process.stderr.write(
      `the run is not at its end, and no execution is at it (the last: ${execution.status}); what is committed is kept. Go on with: ${resume}\n`,
    );
    if (execution.status === 'FAILED') process.stderr.write(`  Why it failed: npx tempbalance cloud logs ${name}\n`);
    return execution.status === 'FAILED' ? exitCodes.failed : exitCodes.interrupted;
  }
  if (outcome.outcome === 'failed') {
    const { error, reason } = outcome;
    process.stderr.write(`error: ${reason}\n  What is committed is kept. Once it is mended: ${resume}\n`);
    return error?.name === 'UserError' ? exitCodes.userError : exitCodes.failed;
  }
  // It goes on in another region: the reason says where.
  if (outcome.outcome === 'running') return exitCodes.interrupted;
  if (!json) print(`model and report: npx tempbalance cloud fetch ${name}`);
  if (outcome.outcome !== 'diverged') return exitCodes.done;
  const { training } = await readConfig(cloud.store, run);
  process.stderr.write(divergedMessage(explainOutcome(outcome), training.learningRate, resume));
  return exitCodes.failed;
}
