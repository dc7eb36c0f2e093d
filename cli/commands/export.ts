import { Option } from 'commander';
import { type CliCommand, numberOption, print } from '../command.ts';

export const exportCommand: CliCommand<{ epoch?: number; force?: boolean }> = {
  usage: 'export <run> <folder>',
  description: "write the model of a run's best epoch, or of another, as a folder with its model card",
  examples: [
    'tempbalance export reviews-20261123-101500 reviews-model',
    'tempbalance export runs/reviews-20261123-101500 epoch-3 --epoch 3',
  ],
  options: [
    numberOption('--epoch <n>', 'the epoch (default: the best so far)', { integer: true, least: 0 }),
    new Option('--force', 'write into a folder that holds something else than an export'),
  ],
  async run([given, folder], { epoch, force = false }) {
    const { findRun } = await import('../../shared/local/run-folder.ts');
    const { exportRun } = await import('../../shared/local/export-run.ts');
    const warn = (message: string) => process.stderr.write(`note: ${message}\n`);
    const exported = await exportRun(given!, await findRun(given!), folder!, { epoch, force, warn });
    print(`epoch ${exported.epoch}${exported.isBest ? ', the best' : ''}\nmodel   ${folder}`);
    return 0;
  },
};
