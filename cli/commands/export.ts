import { Option } from 'commander';
import { UserError } from '../../shared/core/errors.ts';
import { type ExportDtypeSetting, exportDtypeSettings } from '../../shared/models/hugging-face/export-precision.ts';
import { type CliCommand, numberOption, print } from '../command.ts';

interface ExportOptions {
  readonly epoch?: number;
  readonly merge?: boolean;
  readonly dtype?: ExportDtypeSetting;
  readonly base?: string;
  readonly force?: boolean;
}

export const exportCommand: CliCommand<ExportOptions> = {
  usage: 'export <run> <folder>',
  description: "write the model of a run's best epoch, or of another, as a folder with its model card",
  examples: [
    'npx tempbalance export reviews-20261123-101500 reviews-model',
    'npx tempbalance export runs/reviews-20261123-101500 epoch-3 --epoch 3',
    'npx tempbalance export reviews-20261123-101500 reviews-model --merge',
    'npx tempbalance export my-adapter whole-model --merge --base roberta-base',
    'npx tempbalance export reviews-20261123-101500 reviews-model --dtype bfloat16',
  ],
  options: [
    numberOption('--epoch <n>', 'the epoch (default: the best so far)', { integer: true, least: 0 }),
    new Option('--merge', 'put a LoRA adapter, of a run or in a folder, into the weights of its base'),
    new Option(
      '--dtype <type>',
      "of a language model's weights; auto: as the folder it began from (default: output.dtype, or float32)",
    ).choices([...exportDtypeSettings]),
    new Option('--base <folder>', 'of an adapter in a folder: the model it belongs to (default: the one it names)'),
    new Option('--force', 'write into a folder that holds something else than an export'),
  ],
  async run([given, folder], { epoch, merge = false, dtype, base, force = false }) {
    const { findRun, runAt } = await import('../../shared/local/run-folder.ts');
    const { isAdapter } = await import('../../shared/models/hugging-face/adapter-config.ts');
    const { pathKind } = await import('../../shared/tensors/open-tensors.ts');
    const isRun = (await runAt(given!)) !== undefined;
    if (!isRun && (await isAdapter(given!))) {
      const { mergeAdapterFolder } = await import('../../shared/local/merge-adapter.ts');
      refuseForAdapter(given!, { epoch, merge });
      await mergeAdapterFolder(given!, folder!, { base, force, dtype });
      print(`model   ${folder}`);
      return 0;
    }
    if (!isRun && (await pathKind(given!)) === 'folder') {
      throw new UserError('is neither a run nor the folder of an adapter', {
        where: given!,
        remedy: 'Give a run (`npx tempbalance runs` lists them), or with --merge a folder with adapter_config.json.',
      });
    }
    const run = await findRun(given!);
    if (base !== undefined) {
      throw new UserError('is a run, whose base is on record', { where: given!, remedy: 'Leave --base out.' });
    }
    const { localPath } = await import('../local-path.ts');
    const { exportRun } = await import('../../shared/local/export-run.ts');
    const warn = (message: string) => process.stderr.write(`note: ${message}\n`);
    const exported = await exportRun(given!, run, folder!, { epoch, merge, dtype, force, warn, localPath });
    print(`epoch ${exported.epoch}${exported.isBest ? ', the best' : ''}\nmodel   ${folder}`);
    return 0;
  },
};

function refuseForAdapter(where: string, { epoch, merge }: { epoch: number | undefined; merge: boolean }): void {
  if (epoch !== undefined)
    throw new UserError('is not a run, so it has no epochs', { where, remedy: 'Leave --epoch out.' });
  if (!merge) {
    throw new UserError('is the folder of an adapter already', {
      where,
      remedy: 'Add --merge to have a whole model written.',
    });
  }
}
