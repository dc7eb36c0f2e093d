/** A file of rates that was written before, such as by `tempbalance rates --watch`. */
import { UserError } from '../core/errors.ts';
import { readJsonFile } from '../core/json-file.ts';
import { type CheckpointRates, checkpointRatesSchema } from '../schedules/checkpoint-rates.ts';

/** Whether a path is that of a file of rates: such files are called `rates.json`, or `<checkpoint>.rates.json`. */
export const isRatesFile = (path: string): boolean => path.endsWith('rates.json');

/**
 * The rates in a file.
 * @param settings those that were given, by which other rates would be made: there must be none.
 * @throws UserError when there is no such file, it holds something else, or there are settings.
 */
export function readRatesFile(path: string, settings: readonly string[]): Promise<CheckpointRates> {
  if (settings.length > 0) {
    throw new UserError(`holds rates that were made already, so ${settings.join(', ')} would change nothing`, {
      where: path,
      remedy: 'Leave these settings out, or give the checkpoint that the rates are of.',
    });
  }
  return readJsonFile(path, checkpointRatesSchema, 'a file of rates');
}
