/** What scripts have in common: options, and mistakes of their user, which end with a message and exit code 2. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UserError } from '../shared/core/errors.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<Given extends Options> = ReturnType<typeof parseArgs<{ options: Given }>>['values'];

/**
 * Runs a script with the options of its command line; `--help` prints how it is used.
 * @param usage ends with a line break
 * @param main gets the options and, where `positionals` says that there may be some, the other arguments
 */
export async function runScript<Given extends Options>(
  usage: string,
  options: Given,
  main: (values: Values<Given>, others: readonly string[]) => Promise<void>,
  { positionals: allowPositionals = false } = {},
): Promise<void> {
  try {
    const { values, positionals } = parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals });
    if ((values as { help?: boolean }).help) process.stdout.write(usage);
    else await main(values as Values<Given>, positionals);
  } catch (error) {
    const { message, stack, code = '', path } = error as NodeJS.ErrnoException;
    const isUsage = code.startsWith('ERR_PARSE_ARGS');
    const isUsers = isUsage || error instanceof UserError || path !== undefined;
    process.stderr.write(`${isUsers ? `error: ${message}` : stack}\n${isUsage ? `\n${usage}` : ''}`);
    process.exitCode = isUsers ? 2 : 1;
  }
}

/** @throws UserError when an option's text is no whole number from `least` on. */
export function wholeNumber(text: string, option: string, least = 1): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UserError(`"${text}" is not a whole number from ${least} on`, { where: option });
}

/** @throws UserError when an option's text is no number above 0. */
export function positiveNumber(text: string, option: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UserError(`"${text}" is not a number above 0`, { where: option });
}
