/** JSON whose numbers stay apart. */

/** As many digits may be more than a float64 tells apart. */
const manyDigits = /\d{16}/;

/**
 * A JSON text, with whole numbers above 2^53 as BigInt: as numbers, different ones would be the same.
 * @throws SyntaxError when it is none.
 */
export function parseJson(text: string): unknown {
  if (!manyDigits.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, { source }: { source?: string } = {}) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}
