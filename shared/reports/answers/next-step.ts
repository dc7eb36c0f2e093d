/** What to do after a run, as commands that work as they are printed. */
import { basename, join } from 'node:path';
import { shellWord } from '../../core/shell-word.ts';
import type { RunReport } from '../report-input.ts';
import { lastEpoch } from '../runs.ts';

/** A command with what it is for. */
export interface NextStep {
  readonly why: string;
  readonly command: string;
}

/** The divisor for a learning rate at which a run diverged. */
export const divergedDivisor = 4;

/** What to do next, the most useful first; empty where no run has a place. */
export function nextSteps(runs: readonly RunReport[]): NextStep[] {
  const [only] = runs;
  if (only && runs.length === 1) return only.comparison === undefined ? afterOne(only) : ofComparison(only.comparison);
  const chosen = runs.find(({ config, place }) => config.balance !== 'off' && place !== undefined);
  const run = chosen ?? runs.find(({ place }) => place !== undefined);
  return run ? compared(run, 'Tune both settings, repeat them with five seeds, and judge them on test data') : [];
}

function afterOne(run: RunReport): NextStep[] {
  const epochs = Number(settingOf(run, 'epochs'));
  const doubled = `training.epochs=${2 * epochs}`;
  switch (run.status) {
    case 'diverged': {
      const rate = Number(settingOf(run, 'learningRate'));
      const lower = `training.learningRate=${rate / divergedDivisor}`;
      return resumed(
        run,
        'Go on from the last good epoch with a lower learning rate',
        Number.isFinite(rate) ? lower : undefined,
      );
    }
    case 'failed':
      return resumed(run, 'Go on from the last commit, once the cause is mended');
    case 'running':
      return resumed(run, 'Go on from the last commit, if the run was stopped');
    case 'budget':
      return [...resumed(run, 'Go on, with a larger budget'), ...tellsBalance(run)];
    default: {
      const isStillBetter = run.best !== null && run.best.epoch > 0 && run.best.epoch === lastEpoch(run);
      const more =
        isStillBetter && Number.isFinite(epochs)
          ? resumed(run, 'Train for longer: the last epoch is the best so far', doubled)
          : [];
      return [...tellsBalance(run), ...more];
    }
  }
}

/** A comparison goes on with its runs by itself, and deletes their models. */
function ofComparison(folder: string): NextStep[] {
  const name = basename(folder);
  return [
    {
      why: `See what the comparison “${name}” found: this run is a part of it.`,
      command: folder.startsWith('s3://')
        ? `npx tempbalance cloud fetch ${shellWord(name)}`
        : `npx tempbalance ui ${shellWord(folder)}`,
    },
  ];
}

const tellsBalance = (run: RunReport): NextStep[] =>
  compared(
    run,
    'Learn whether balancing helps here: plain against balanced, three rates and five seeds each, on test data',
  );

/** A setting of the training section. */
const settingOf = ({ config }: RunReport, name: string): unknown =>
  (config.training as Readonly<Record<string, unknown>> | undefined)?.[name];

function resumed(run: RunReport, why: string, change?: string): NextStep[] {
  const { place, name } = run;
  if (place === undefined) return [];
  const set = change === undefined ? '' : ` --set ${shellWord(change)}`;
  const command = isDeployed(run)
    ? `npx tempbalance cloud resume ${shellWord(name)}${set}`
    : `npx tempbalance resume ${shellWord(join(place, name))}${set}`;
  return [{ why: `${why}.`, command }];
}

function compared(run: RunReport, why: string): NextStep[] {
  const { place, name } = run;
  if (place === undefined) return [];
  const here = shellWord(isDeployed(run) ? `runs/${name}` : join(place, name));
  const fetched = isDeployed(run) ? `npx tempbalance cloud fetch ${shellWord(name)} --all && ` : '';
  return [{ why: `${why}.`, command: `${fetched}npx tempbalance compare --quick ${here}` }];
}

const isDeployed = ({ place = '' }: RunReport) => place.startsWith('s3://');
