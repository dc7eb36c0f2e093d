import { InvalidArgumentError, Option } from 'commander';
import type { RatesOptions as LibraryOptions } from '../../library/rates.ts';
import { UserError } from '../../shared/core/errors.ts';
import type { CheckpointRates } from '../../shared/schedules/checkpoint-rates.ts';
import type { ModelKind } from '../../shared/schedules/presets/preset.ts';
import type { TrainerParameters } from '../../shared/schedules/trainer-parameters.ts';
import type { SolverChoice } from '../../shared/spectra/solvers/solver.ts';
import { type CliCommand, jsonOption, numberOption, print, setOption, solverOption } from '../command.ts';
import { progressBar } from '../views/progress-bar.ts';
import { writeAtomically } from '../write-text.ts';

interface RatesOptions {
  watch?: string;
  preset?: string;
  set: string[];
  kind?: ModelKind;
  baseLr?: number;
  baseWeightDecay?: number;
  seed?: number;
  json?: boolean;
  csv?: boolean;
  parameters?: string;
  epoch?: number;
  base?: string;
  solver?: SolverChoice;
}

export const ratesCommand: CliCommand<RatesOptions> = {
  usage: 'rates [checkpoint]',
  description:
    'say which learning rate each parameter of a checkpoint should have next, for a trainer of your own (docs/own-trainer.md)',
  examples: [
    'npx tempbalance rates checkpoint-500 --base-lr 2e-5',
    'npx tempbalance rates model.pt --kind fields --preset tempBalance --json',
    'npx tempbalance rates bert --set balance.assignment.s=0.5 --csv',
    'npx tempbalance rates --watch output --base-lr 2e-5',
  ],
  options: [
    jsonOption('print everything as JSON (docs/rates.schema.json)'),
    new Option('--csv', 'print a row for each parameter as CSV').conflicts('json'),
    new Option('--watch <folder>', 'write rates.json beside every new checkpoint in a folder, until Ctrl-C').conflicts([
      'json',
      'csv',
      'epoch',
      'parameters',
    ]),
    new Option(
      '--parameters <file>',
      "the parameters of your trainer's model, as JSON of names and shapes (-: from standard input): the rates are theirs, by these names",
    ),
    new Option(
      '--preset <name>',
      'published method, as balance.preset (default: modelBalancing, or the settings of the run)',
    ),
    setOption('override a setting of the balance section; may be repeated'),
    new Option(
      '--kind <kind>',
      'kind of the model, for which presets differ (default: what the checkpoint tells)',
    ).choices(['language', 'fields']),
    new Option('--base-lr <x>', 'base learning rate; absent: factors alone').argParser(positive),
    numberOption('--base-weight-decay <x>', 'base weight decay; absent: factors alone', { integer: false, least: 0 }),
    numberOption('--seed <n>', 'of what balance.control draws (default: 0, or that of the run)', {
      integer: true,
      least: 0,
    }),
    new Option('--base <checkpoint>', 'the model an adapter belongs to'),
    numberOption('--epoch <n>', 'of a run: the epoch (default: the best)', { integer: true, least: 0 }),
    solverOption('the fastest here'),
  ],
  async run([path], options) {
    const { watch } = options;
    if ((path === undefined) === (watch === undefined)) {
      throw new UserError(path === undefined ? 'no checkpoint is named' : 'takes a checkpoint or --watch, not both', {
        where: 'npx tempbalance rates',
        remedy: 'Give a checkpoint, or --watch and the folder that checkpoints are written into.',
      });
    }
    if (watch !== undefined) return watchFolder(watch, options);
    const parameters = options.parameters === undefined ? undefined : await readParameters(options.parameters);
    const bar = progressBar();
    let rates: CheckpointRates;
    try {
      rates = await rate(path!, options, {
        parameters,
        onProgress: ({ layer, done, total }) => bar.show(done / total, layer),
      });
    } finally {
      bar.close();
    }
    await show(rates, options);
    return 0;
  },
};

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0, such as 2e-5.');
}

/** The rates of one checkpoint by the options of the command. */
async function rate(
  path: string,
  options: RatesOptions,
  more: Pick<LibraryOptions, 'onProgress' | 'signal' | 'parameters'> = {},
): Promise<CheckpointRates> {
  const { ratesWith } = await import('../../library/rates.ts');
  const { parseOverride } = await import('../../shared/config/parse-run-file.ts');
  const { preset, set, kind, baseLr, baseWeightDecay, seed, epoch, base, solver } = options;
  return ratesWith(path, set.map(parseOverride), {
    ...{ preset, kind, seed, epoch, base, solver },
    learningRate: baseLr,
    weightDecay: baseWeightDecay,
    onNote: (line) => process.stderr.write(`note: ${line}\n`),
    ...more,
  });
}

/** The parameters of a trainer's model, from a file or from standard input. @throws UserError when they are none. */
async function readParameters(file: string): Promise<TrainerParameters> {
  const { parseJsonFile, readJsonFile } = await import('../../shared/core/json-file.ts');
  const { trainerParametersSchema } = await import('../../shared/schedules/trainer-parameters.ts');
  const what = 'a table of parameters and their shapes, such as {"layer.weight": [16, 8], "layer.bias": [16]}';
  if (file !== '-') return readJsonFile(file, trainerParametersSchema, what);
  const { text } = await import('node:stream/consumers');
  return parseJsonFile('standard input', await text(process.stdin), trainerParametersSchema, what);
}

async function show(rates: CheckpointRates, { json, csv }: RatesOptions): Promise<void> {
  if (json) print(JSON.stringify(rates));
  else if (csv) {
    const { checkpointRatesCsv } = await import('../../shared/schedules/checkpoint-rates.ts');
    process.stdout.write(checkpointRatesCsv(rates));
  } else {
    const { formatRates } = await import('../../shared/reports/rates-text.ts');
    print(formatRates(rates));
  }
}

/** Writes rates beside every new checkpoint until Ctrl-C, which also ends what is under way. */
async function watchFolder(folder: string, options: RatesOptions): Promise<number> {
  const { watchCheckpoints } = await import('../../shared/local/watch-checkpoints.ts');
  const { checkRateOptions } = await import('../../shared/local/rate-checkpoint.ts');
  const { parseOverride } = await import('../../shared/config/parse-run-file.ts');
  checkRateOptions({ ...options, overrides: options.set.map(parseOverride) });
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  let written = 0;
  try {
    await watchCheckpoints(folder, {
      signal: stop.signal,
      onStart: (present) =>
        print(
          `watching ${folder}${present > 0 ? `; left as they are: ${present} checkpoint${present === 1 ? '' : 's'} there already` : ''} (Ctrl-C ends it)`,
        ),
      onCheckpoint: async ({ path, rates }) => {
        const found = await rate(path, options, { signal: stop.signal });
        await writeAtomically(rates, `${JSON.stringify(found)}\n`);
        written += 1;
        print(`${path}: wrote ${rates}`);
      },
      onDamaged: ({ path }, why) => print(`${path}: passed over\n  ${why.replaceAll('\n', '\n  ')}`),
    });
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
  }
  print(`ended; rates of ${written} checkpoint${written === 1 ? '' : 's'} were written`);
  return 0;
}
