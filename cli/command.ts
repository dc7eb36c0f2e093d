import { InvalidArgumentError, Option } from 'commander';
import { mostParallel } from '../shared/config/most-parallel.ts';
import { solverChoices } from '../shared/spectra/solvers/solver.ts';

/** A sub-command: one file, one line in `program.ts`. What is heavy it imports when it runs, so that help is quick. */
export interface CliCommand<Options = never> {
  /** Name and arguments, as commander takes them. */
  readonly usage: string;
  readonly description: string;
  readonly examples: readonly string[];
  readonly options: readonly Option[];
  /** @returns the exit code. */
  run(positional: readonly (string | undefined)[], options: Options): Promise<number>;
}

/** `--json` */
export const jsonOption = (what: string): Option => new Option('--json', what);

/** `--set key.path=value`, any number of times; gives the texts. */
export const setOption = (what = 'override a setting of the run file; may be repeated'): Option =>
  new Option('--set <key=value>', what)
    .argParser((text: string, before: string[] | undefined) => [...(before ?? []), text])
    .default([], 'none');

/** An option that takes a number. */
export const numberOption = (
  flags: string,
  what: string,
  { integer, least, most = Number.POSITIVE_INFINITY }: { integer: boolean; least: number; most?: number },
): Option =>
  new Option(flags, what).argParser((text: string) => {
    const value = Number(text);
    const isInRange = Number.isFinite(value) && value >= least && value <= most;
    if (text.trim() === '' || !isInRange || (integer && !Number.isInteger(value))) {
      const range = most === Number.POSITIVE_INFINITY ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new InvalidArgumentError(`It must be ${integer ? 'a whole number' : 'a number'} ${range}.`);
    }
    return value;
  });

/** `--parallel n` of a comparison. */
export const parallelOption = (): Option =>
  numberOption('--parallel <n>', 'runs at a time; the results do not depend on it', {
    integer: true,
    least: 1,
    most: mostParallel,
  });

/** `--solver name` */
export const solverOption = (whenAbsent: string): Option =>
  new Option(
    '--solver <name>',
    `what computes eigenvalues (default: TEMPBALANCE_SOLVER, or else ${whenAbsent})`,
  ).choices(solverChoices);

/** Prints a line to standard output. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`);
