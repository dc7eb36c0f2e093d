import type { SolverChoice } from '../../shared/spectra/solvers/solver.ts';
import { type CliCommand, jsonOption, setOption, solverOption } from '../command.ts';

export const trainCommand: CliCommand<{ set: string[]; json?: boolean; solver?: SolverChoice }> = {
  usage: 'train [run-file]',
  description: 'train a model as the run file says (default: tempbalance.yaml)',
  examples: [
    'npx tempbalance train',
    'npx tempbalance train burgers.yaml --set training.epochs=50 --set balance=off',
    'npx tempbalance train burgers.yaml --json | jq -c \'select(.type == "epoch")\'',
  ],
  options: [setOption(), jsonOption('print one JSON event a line'), solverOption('what suits the size of the model')],
  async run([file = 'tempbalance.yaml'], { set, json, solver }) {
    const { loadRunFile, parseOverride } = await import('../../shared/config/parse-run-file.ts');
    const { beginRun, newRun } = await import('../../shared/local/run-folder.ts');
    const { runAndWatch } = await import('../run-and-watch.ts');
    const config = await loadRunFile(file, set.map(parseOverride));
    const folder = await newRun(config, { source: file, now: new Date() });
    return runAndWatch(folder, { json, solver }, () => beginRun(folder, config, { source: file, overrides: set }));
  },
};
