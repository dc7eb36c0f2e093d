import { type CliCommand, jsonOption, setOption } from '../command.ts';

export const trainCommand: CliCommand<{ set: string[]; json?: boolean }> = {
  usage: 'train [run-file]',
  description: 'train a model as the run file says (default: tempbalance.yaml)',
  examples: [
    'tempbalance train',
    'tempbalance train burgers.yaml --set training.epochs=50 --set balance=off',
    'tempbalance train burgers.yaml --json | jq -c \'select(.type == "epoch")\'',
  ],
  options: [setOption(), jsonOption('print one JSON event a line')],
  async run([file = 'tempbalance.yaml'], { set, json }) {
    const { loadRunFile, parseOverride } = await import('../../shared/config/parse-run-file.ts');
    const { beginRun, newRun } = await import('../../shared/local/run-folder.ts');
    const { runAndWatch } = await import('../run-and-watch.ts');
    const config = await loadRunFile(file, set.map(parseOverride));
    const folder = newRun(config, { source: file, now: new Date() });
    return runAndWatch(folder, { json }, () => beginRun(folder, config, file));
  },
};
