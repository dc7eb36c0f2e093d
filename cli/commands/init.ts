import { access } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { starterRunFile } from '../../shared/config/starter.ts';
import { UserError } from '../../shared/core/errors.ts';
import { type CliCommand, print } from '../command.ts';
import { writeText } from '../write-text.ts';

/** Two folders up in the sources, one more in the built package. */
const schemaPath = fileURLToPath(
  new URL(`${import.meta.url.endsWith('.ts') ? '' : '../'}../../docs/run-file.schema.json`, import.meta.url),
);

export const initCommand: CliCommand<{ dataset: string; weights?: string; force?: boolean }> = {
  usage: 'init [run-file]',
  description: 'write a run file to start from (default: tempbalance.yaml)',
  examples: [
    'tempbalance init',
    'tempbalance init burgers.yaml --dataset data/burgers.hdf5 --weights pretrained.safetensors',
  ],
  options: [
    new Option('--dataset <path>', 'the data set to name in it').default('data.hdf5'),
    new Option('--weights <path>', 'the pre-trained weights to name in it'),
    new Option('--force', 'replace an existing file'),
  ],
  async run([file = 'tempbalance.yaml'], { dataset, weights, force }) {
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists && !force) {
      throw new UserError('exists already', {
        where: file,
        remedy: 'Choose another name, or replace it with --force.',
      });
    }
    const schema = relative(dirname(resolve(file)), schemaPath) || schemaPath;
    await writeText(file, starterRunFile({ schema, dataset, weights }));
    print(`wrote ${file}; next: tempbalance validate ${file}`);
    return 0;
  },
};
