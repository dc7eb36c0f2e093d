/** What would make the library end the whole process instead of refusing a damaged tokenizer. */
import { BrokenInputError } from '../../../core/errors.ts';
import { asObject, type Definition, type Json } from './definition.ts';

/**
 * @param where of the file, for messages.
 * @throws BrokenInputError when the parts of a tokenizer contradict each other.
 */
export function refuseUnsound({ normalizer, pre_tokenizer: splitter, model }: Definition, where: string): void {
  const refuse = (what: string) => {
    throw new BrokenInputError(what, { where, remedy: 'Fetch or write the file again.' });
  };
  for (const { type, precompiled_charsmap: map } of partsOf(normalizer, 'normalizers')) {
    if (type === 'Precompiled' && !isCharacterMap(map)) refuse('has a damaged character map (precompiled_charsmap)');
  }
  for (const { type, length } of partsOf(splitter, 'pretokenizers')) {
    if (type === 'FixedLength' && !(Number(length) > 0)) refuse('splits texts into pieces of no length (FixedLength)');
  }
  const merge = Array.isArray(model.merges) ? model.merges.find((each) => !isMerge(each, model)) : undefined;
  if (merge !== undefined) refuse(`has a merge whose result is not in the vocabulary: ${JSON.stringify(merge)}`);
}

function partsOf(part: Json | null, key: string): Json[] {
  if (part === null) return [];
  const inner = part[key];
  return part.type === 'Sequence' && Array.isArray(inner)
    ? inner.flatMap((each) => partsOf(asObject(each), key))
    : [part];
}

/** Whether what a merge makes is a piece. */
function isMerge(merge: unknown, { vocab, continuing_subword_prefix: prefix }: Definition['model']): boolean {
  const pair = typeof merge === 'string' ? merge.split(' ') : (merge as unknown[]);
  const [left, right] = pair as [string, string];
  if (pair.length !== 2 || typeof left !== 'string' || typeof right !== 'string') return false;
  const start = typeof prefix === 'string' ? prefix.length : 0;
  return right.length >= start && Object.hasOwn(vocab, left + right.slice(start));
}

/** Whether a character map of SentencePiece, in base64, has all that its tree points to. */
function isCharacterMap(map: unknown): boolean {
  if (typeof map !== 'string') return false;
  const bytes = Buffer.from(map, 'base64');
  const size = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
  if (size < 4 || size % 4 !== 0 || size > bytes.length - 4) return false;
  const units = Uint32Array.from({ length: size / 4 }, (_, at) => bytes.readUInt32LE(4 + 4 * at));
  const results = bytes.subarray(4 + size);
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(results);
  } catch {
    return false;
  }
  const startsText = (at: number) => at < results.length && (results[at]! & 0xc0) !== 0x80;
  // A branch is a block of 256 units, one for each byte that may follow.
  const open = [childrenOf(units[0]!)];
  const seen = new Set(open);
  for (let block = open.pop(); block !== undefined; block = open.pop()) {
    if ((block | 0xff) >= units.length) return false;
    for (let byte = 1; byte < 256; byte++) {
      const at = block ^ byte;
      const unit = units[at]!;
      if ((unit & 0x800000ff) >>> 0 !== byte) continue;
      const next = at ^ childrenOf(unit);
      const hasResult = ((unit >>> 8) & 1) === 1;
      if (hasResult && !(next < units.length && startsText(units[next]! & 0x7fffffff))) return false;
      if (!seen.has(next)) {
        seen.add(next);
        open.push(next);
      }
    }
  }
  return true;
}

const childrenOf = (unit: number) => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
