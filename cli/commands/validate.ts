import { formatTable } from '../../shared/core/table.ts';
import { type CliCommand, jsonOption, print, setOption } from '../command.ts';

export const validateCommand: CliCommand<{ set: string[]; json?: boolean }> = {
  usage: 'validate [run-file]',
  description: 'check a run file, its data set and its weights without training',
  examples: ['npx tempbalance validate', 'npx tempbalance validate burgers.yaml --json'],
  options: [setOption(), jsonOption('print the settings with all defaults, and the sizes of the data, as JSON')],
  async run([file = 'tempbalance.yaml'], { set, json }) {
    const { loadRunFile, parseOverride } = await import('../../shared/config/parse-run-file.ts');
    const { openWorkload } = await import('../../shared/pipeline/open-workload.ts');
    const given = await loadRunFile(file, set.map(parseOverride));
    const { localPath } = await import('../local-path.ts');
    const note = (message: string) => process.stderr.write(`note: ${message}\n`);
    const workload = await openWorkload(given, note, localPath);
    const { settleProblem } = await import('../../shared/config/settle-problem.ts');
    const config = settleProblem(given, workload.problemType);
    await workload.initial(note);
    const { describeBalance, refuseUnchangingRates } = await import('../../shared/pipeline/balance-description.ts');
    const { modelOfPlan } = await import('../../shared/pipeline/run-model.ts');
    const timed = { config, dataset: { ...workload.data, stepsPerEpoch: workload.stepsPerEpoch } };
    refuseUnchangingRates(timed);
    const balance = describeBalance(modelOfPlan(config, workload), timed) ?? null;
    for (const warning of [...(workload.warnings ?? []), ...(balance?.notes ?? [])]) note(warning);
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
