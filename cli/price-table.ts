import { readFile } from 'node:fs/promises';
import { messageOf, UserError } from '../shared/core/errors.ts';
import packaged from '../shared/costs/prices.json' with { type: 'json' };
import { type PriceTable, priceTableSchema } from '../shared/costs/prices.ts';

/** The table that comes with the package. */
export const packagedPrices = (): PriceTable => priceTableSchema.parse(packaged);

/** A table that the user names. @throws UserError when it can't be read or is none. */
export async function readPriceTable(path: string): Promise<PriceTable> {
  const refuse = (what: string, cause?: unknown): never => {
    throw new UserError(what, { where: path, remedy: 'Write one with `npx tempbalance prices --out <file>`.', cause });
  };
  const text = await readFile(path, 'utf8').catch((cause) => refuse(`can't be read (${cause.code})`, cause));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    refuse(`is not a price table: ${messageOf(cause)}`, cause);
  }
  const parsed = priceTableSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path: at, message } = parsed.error.issues[0]!;
  return refuse(`is not a price table: ${at.join('.') || 'the whole'}: ${message}`, parsed.error);
}
