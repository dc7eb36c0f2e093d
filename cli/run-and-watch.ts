import { join, relative } from 'node:path';
import { executeRun } from '../library/run-pipeline.ts';
import { readJson } from '../shared/checkpoints/json.ts';
import { runKeys } from '../shared/checkpoints/run-keys.ts';
import type { RunFolder } from '../shared/local/run-folder.ts';
import type { Execution } from '../shared/local/run-pipeline.ts';
import { explainOutcome, outcomeSchema, readConfig } from '../shared/pipeline/records.ts';
import { solverFromEnvironment } from '../shared/spectra/solvers/open-solver.ts';
import type { SolverChoice } from '../shared/spectra/solvers/solver.ts';
import { print } from './command.ts';
import { divergedMessage } from './diverged.ts';
import { exitCodes } from './exit-codes.ts';
import { localPath } from './local-path.ts';
import { chooseView } from './views/choose-view.ts';

/**
 * Runs the workflow on a run's folder with a view of it, stopping gently on Ctrl-C; returns the exit code.
 * @param settle writes the run's settings once no other process can.
 */
export async function runAndWatch(
  folder: RunFolder,
  { json = false, solver }: { json?: boolean | undefined; solver?: SolverChoice | undefined },
  settle: () => Promise<void>,
): Promise<number> {
  const view = chooseView({ json, terminal: process.stdout.isTTY === true });
  const path = relative(process.cwd(), join(folder.root, folder.run)) || '.';
  const resume = `npx tempbalance resume ${path}`;
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals === 1) {
      view.show({ type: 'warning', message: 'stopping after this epoch is committed (again to stop after this step)' });
    } else if (signals === 2) {
      view.show({ type: 'warning', message: 'stopping after this step (again to end the process by force)' });
    } else {
      // Nothing is ever half done in the store. Exiting while native code computes may abort instead.
      process.kill(process.pid, 'SIGKILL');
    }
  };
  let execution: Execution;
  try {
    execution = await executeRun(
      folder,
      async () => {
        await settle();
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
      },
      {
        solver: solver ?? solverFromEnvironment(process.env),
        localPath,
        onEvent: view.show,
        stopRequested: () => signals > 0,
        interrupted: () => signals > 1,
      },
    );
    if (execution.status === 'interrupted') view.show({ type: 'interrupted', run: folder.run, resume });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    view.close();
  }
  return conclude(execution, folder, { json, path, resume, isAtOnce: signals > 1 });
}

async function conclude(
  execution: Execution,
  { store, run }: RunFolder,
  { json, path, resume, isAtOnce }: { json: boolean; path: string; resume: string; isAtOnce: boolean },
): Promise<number> {
  if (execution.status === 'failed') throw execution.error;
  const say = (line: string) => (json ? undefined : print(line));
  if (execution.status === 'interrupted') {
    const kept = isAtOnce ? 'stopped; everything committed is kept' : 'interrupted after a commit; nothing is lost';
    process.stderr.write(`${kept}. Go on with: ${resume}\n`);
    return exitCodes.interrupted;
  }
  if (execution.status === 'takenOver') {
    process.stderr.write('another process has taken over the run, and goes on with it; nothing is lost.\n');
    return exitCodes.interrupted;
  }
  say(`model   ${path}/model\nreport  ${path}/report.html`);
  if (execution.status === 'done') return exitCodes.done;
  const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
  const { training } = await readConfig(store, run);
  process.stderr.write(divergedMessage(outcome && explainOutcome(outcome), training.learningRate, resume));
  return exitCodes.failed;
}
