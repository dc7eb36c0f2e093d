import { loadRunFile, type Override } from '../../shared/config/parse-run-file.ts';
import { createRun } from '../../shared/local/run-folder.ts';
import { type CliCommand, jsonOption, setOption } from '../command.ts';
import { runAndWatch } from '../run-and-watch.ts';

export const trainCommand: CliCommand<{ set: Override[]; json?: boolean }> = {
  usage: 'train [run-file]',
  description: 'train a model as the run file says (default: tempbalance.yaml)',
  examples: [
    'tempbalance train',
    'tempbalance train burgers.yaml --set training.epochs=50 --set balance=off',
    'tempbalance train burgers.yaml --json | jq -c \'select(.type == "epoch")\'',
  ],
  options: [setOption(), jsonOption('print one JSON event a line')],
  async run([file = 'tempbalance.yaml'], { set, json }) {
    const config = await loadRunFile(file, set);
    return runAndWatch(await createRun(config, { source: file, now: new Date() }), { json: json ?? false });
  },
};
