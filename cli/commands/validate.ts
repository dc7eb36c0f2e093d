import { formatTable } from '../../shared/core/table.ts';
import { type CliCommand, jsonOption, print, setOption } from '../command.ts';

export const validateCommand: CliCommand<{ set: string[]; json?: boolean }> = {
  usage: 'validate [run-file]',
  description: 'check a run file, its data set and its weights without training',
  examples: ['npx tempbalance validate', 'npx tempbalance validate burgers.yaml --json'],
  options: [setOption(), jsonOption('print the settings with all defaults, and the sizes of the data, as JSON')],
  async run([file = 'tempbalance.yaml'], { set, json }) {
    const { loadRunFile, parseOverride } = await import('../../shared/config/parse-run-file.ts');
    const { checkRun } = await import('../../shared/pipeline/check-run.ts');
    const { openEngine } = await import('../../shared/engines/open-engine.ts');
    const { localPath } = await import('../local-path.ts');
    const note = (message: string) => process.stderr.write(`note: ${message}\n`);
    const given = await loadRunFile(file, set.map(parseOverride));
    const { config, plan, balance } = await checkRun(given, { localPath, note });
    const workload = plan.on(await openEngine(config.training.engine, note));
    const { totalCount } = await import('../../shared/tensors/tensor.ts');
    const trained = totalCount(workload.parameters);
    const all = trained + totalCount(workload.frozen ?? []);
    const { gridInWords } = await import('../../shared/datasets/coordinates.ts');
    const data = gridInWords(workload.data);
    if (json) {
      const { engine, adapter, drawn } = workload;
      const parameters = { trained, all };
      print(JSON.stringify({ valid: true, config, parameters, adapter, drawn, data, balance, engine }, null, 2));
      return 0;
    }
    const { weightsOf } = await import('../../shared/models/registry.ts');
    const { describeAdapter, trainedShare } = await import('../../shared/reports/adapter.ts');
    print(`${file} is valid`);
    const { model } = config;
    const isFresh = model.family === 'huggingface' && model.fresh;
    const weights = isFresh ? 'fresh' : (weightsOf(model) ?? 'fresh');
    const rows = [
      ['model', `${model.family}, ${all} parameters, weights ${weights}`],
      ...(Array.isArray(workload.drawn) ? [['drawn', workload.drawn.join(', ')]] : []),
      ...(workload.adapter
        ? [
            ['adapter', describeAdapter(workload.adapter.config)],
            ['trained', trainedShare({ trained, all })],
          ]
        : []),
      ...Object.entries(data).map(([name, value]) => [name, JSON.stringify(value)]),
      ['balance', balance?.covered ?? 'off'],
      ...(balance
        ? [
            ['method', balance.method],
            ['rates', balance.timing],
          ]
        : []),
      ['engine', workload.engine],
    ];
    print(formatTable(rows));
    return 0;
  },
};
