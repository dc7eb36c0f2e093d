import { Option } from 'commander';
import type { SolverChoice } from '../../shared/spectra/solvers/solver.ts';
import { type CliCommand, jsonOption, setOption, solverOption } from '../command.ts';

export const resumeCommand: CliCommand<{ set: string[]; reload?: boolean; json?: boolean; solver?: SolverChoice }> = {
  usage: 'resume <run>',
  description: 'go on with a run from its last commit, to the same bits as without the interruption',
  examples: [
    'npx tempbalance resume burgers-20261123-101500',
    'npx tempbalance resume runs/burgers-20261123-101500 --set training.epochs=80',
    'npx tempbalance resume runs/burgers-20261123-101500 --reload',
  ],
  options: [
    setOption(),
    new Option('--reload', 'take the settings from the run file as it is now'),
    jsonOption('print one JSON event a line'),
    solverOption('the one on record'),
  ],
  async run([given], { set, reload, json, solver }) {
    const { parseOverride } = await import('../../shared/config/parse-run-file.ts');
    const { findRunToResume } = await import('../../shared/local/run-folder.ts');
    const { changeSettings } = await import('../../shared/local/change-settings.ts');
    const { runAndWatch } = await import('../run-and-watch.ts');
    const folder = await findRunToResume(given!);
    const overrides = set.map(parseOverride);
    return runAndWatch(folder, { json, solver }, async () => {
      const notes = await changeSettings(folder, overrides, reload ?? false);
      for (const note of notes) process.stderr.write(`note: ${note}\n`);
    });
  },
};
