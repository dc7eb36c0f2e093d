import { loadRunFile, type Override } from '../../shared/config/parse-run-file.ts';
import { readPretrained } from '../../shared/models/pretrained.ts';
import { openWorkload } from '../../shared/pipeline/open-workload.ts';
import { type CliCommand, jsonOption, print, setOption } from '../command.ts';

export const validateCommand: CliCommand<{ set: Override[]; json?: boolean }> = {
  usage: 'validate [run-file]',
  description: 'check a run file, its data set and its weights without training',
  examples: ['tempbalance validate', 'tempbalance validate burgers.yaml --json'],
  options: [setOption(), jsonOption('print the settings with all defaults, and the sizes of the data, as JSON')],
  async run([file = 'tempbalance.yaml'], { set, json }) {
    const config = await loadRunFile(file, set);
    const workload = await openWorkload(config);
    const { weights } = config.model;
    if (weights !== undefined) await readPretrained(weights, workload.parameters);
    if (json) {
      print(JSON.stringify({ valid: true, config, data: workload.data, engine: workload.engine }, null, 2));
      return 0;
    }
    const count = workload.parameters.reduce(
      (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    print(`${file} is valid`);
    print(`  model    ${config.model.family}, ${count} parameters, weights ${weights ?? 'fresh'}`);
    for (const [name, value] of Object.entries(workload.data)) print(`  ${name.padEnd(18)} ${JSON.stringify(value)}`);
    print(`  engine   ${workload.engine}`);
    return 0;
  },
};
