import { localPathOf } from '../library/local-path.ts';

/**
 * Where a data set, weights or a model's folder is on this machine; a note on standard error tells of what is fetched out of S3.
 * @throws UserError when there is no such object, or it may not be read.
 */
export const localPath = (address: string): Promise<string> =>
  localPathOf(address, (line) => process.stderr.write(`note: ${line}\n`));
