import { Option } from 'commander';
import { UserError } from '../../shared/core/errors.ts';
import { type CliCommand, jsonOption, parallelOption, print, setOption } from '../command.ts';

interface Options {
  readonly quick?: string;
  readonly set: string[];
  readonly parallel?: number;
  readonly json?: boolean;
}

export const compareCommand: CliCommand<Options> = {
  usage: 'compare [compare-file]',
  description:
    'compare settings over many runs: tune each, repeat with seeds, judge on test data (default: compare.yaml)',
  examples: [
    'npx tempbalance compare --quick burgers.yaml',
    'npx tempbalance compare compare.yaml',
    'npx tempbalance compare compare.yaml --parallel 4 --set training.epochs=10',
  ],
  options: [
    new Option(
      '--quick <run-file>',
      'write a compare file for a run file or a run (plain against balanced, three rates, five seeds), and go on with it',
    ),
    setOption(),
    parallelOption(),
    jsonOption('print one JSON event a line'),
  ],
  async run([given], { quick, set, parallel, json = false }) {
    const { parseOverride } = await import('../../shared/config/parse-run-file.ts');
    const { compareAndWatch } = await import('../compare-and-watch.ts');
    if (quick !== undefined && given !== undefined) {
      throw new UserError('does not go with a compare file: it writes one', { where: `--quick ${quick}` });
    }
    const overrides = set.map(parseOverride);
    let file = given ?? 'compare.yaml';
    if (quick !== undefined) {
      const { writeQuickComparison } = await import('../quick-comparison.ts');
      file = await writeQuickComparison(quick, (note) => process.stderr.write(`note: ${note}\n`));
      if (!json) print(`compare file  ${file}\n`);
    }
    return compareAndWatch(file, overrides, { json, parallel });
  },
};
