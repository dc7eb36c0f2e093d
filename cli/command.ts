import { Option } from 'commander';
import { type Override, parseOverride } from '../shared/config/parse-run-file.ts';

/** A sub-command: one file, one line in `program.ts`. */
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

/** `--set key.path=value`, any number of times. */
export const setOption = (): Option =>
  new Option('--set <key=value>', 'override a setting of the run file; may be repeated')
    .argParser((text: string, before: Override[] = []) => [...before, parseOverride(text)])
    .default([], 'none');

/** Prints a line to standard output. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`);
