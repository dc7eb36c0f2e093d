/** Where a name stands: in a block, or in one of the two halves of an encoder-decoder. */
interface Place {
  /** Absent: in no block. */
  readonly number?: number;
  readonly half?: 'encoder' | 'decoder';
}

function placeOf(name: string): Place {
  const number = /\.(\d+)\./.exec(name);
  const before = number ? name.slice(0, number.index) : name;
  const half = /(?:^|\.)(encoder|decoder)(?=\.|$)/.exec(before)?.[1] as Place['half'];
  return { ...(number ? { number: Number(number[1]) } : {}), ...(half === undefined ? {} : { half }) };
}

/** How many blocks there are in all, and in the decoder of an encoder-decoder, which numbers those of both from 0. */
function countBlocks(places: readonly Place[]): { readonly all: number; readonly ofDecoder: number } {
  const countIn = (isCounted: (place: Place) => boolean) =>
    places.filter(isCounted).reduce((most, { number = -1 }) => Math.max(most, number + 1), 0);
  const [encoder, decoder] = [countIn(({ half }) => half === 'encoder'), countIn(({ half }) => half === 'decoder')];
  if (encoder === 0 || decoder === 0) return { all: countIn(() => true), ofDecoder: 0 };
  return { all: encoder + decoder, ofDecoder: decoder };
}

/**
 * The number of blocks of a model, by the names of its modules or parameters, of an encoder-decoder those of both; 0 where none has the number
 * of a block.
 */
export const blockCount = (names: readonly string[]): number => countBlocks(names.map(placeOf)).all;

/** Whether a module or a parameter of that name is in a block. */
export const isInBlock = (name: string): boolean => placeOf(name).number !== undefined;

/**
 * How far below the top of a model each module lies: 0 above the last block (heads, pooler, final norm), 1 in the last of n blocks, n in
 * the first, and n + 1 below it (embeddings). Of an encoder-decoder the encoder lies below the decoder, its final norm beside its last block.
 * Undefined throughout where no name has the number of a block.
 * @param names of all modules, in the order in which they are applied; those in a block have its number between dots
 */
export function depthsOf(names: readonly string[]): (number | undefined)[] {
  const places = names.map(placeOf);
  const { all, ofDecoder } = countBlocks(places);
  if (all === 0) return names.map(() => undefined);
  const first = places.findIndex(({ number }) => number !== undefined);
  return places.map(({ number, half }, index) => {
    if (number !== undefined) return (half === 'decoder' && ofDecoder > 0 ? ofDecoder : all) - number;
    if (index < first) return all + 1;
    return half === 'encoder' && ofDecoder > 0 ? ofDecoder + 1 : 0;
  });
}
