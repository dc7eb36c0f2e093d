/** SentencePiece's models, in protobuf: their pieces, as `transformers` takes them out. */
import { PbfReader } from 'pbf';
import { addedToken } from './definition.ts';
import type { Pieces } from './resolve.ts';

/** Kinds of pieces. */
const control = 3;
const userDefined = 4;

interface Piece {
  piece: string;
  score: number;
  type: number;
}

/**
 * The pieces of a SentencePiece model.
 * @param kind of the tokenizer that is made of them
 * @throws an error of its own where the bytes are no such model.
 */
export function readSentencePiece(bytes: Uint8Array, kind: 'BPE' | 'Unigram' | 'WordPiece'): Pieces {
  const model = { pieces: [] as Piece[], unknownId: 0, map: undefined as Uint8Array | undefined };
  new PbfReader(bytes).readFields((tag, _, pbf) => {
    if (tag === 1) model.pieces.push(pbf.readMessage(pieceField, { piece: '', score: 0, type: 1 }));
    else if (tag === 2)
      pbf.readMessage((field, trainer, inner) => {
        if (field === 40) trainer.unknownId = inner.readVarint(true);
      }, model);
    else if (tag === 3)
      pbf.readMessage((field, normalizer, inner) => {
        if (field === 2) normalizer.map = inner.readBytes();
      }, model);
  }, model);
  const { pieces, unknownId, map } = model;
  if (pieces.length === 0) throw new Error('it has no pieces');
  const added = pieces
    .filter(({ type }) => type === control || type === userDefined)
    .map(({ piece, type }) => addedToken({ content: piece, normalized: false, special: type === control }));
  const ids = new Map(pieces.map(({ piece }, id) => [piece, id]));
  return {
    vocab: kind === 'BPE' ? Object.fromEntries(ids) : pieces.map(({ piece, score }) => [piece, score] as const),
    merges: kind === 'BPE' ? mergesOf(ids) : [],
    charactersMap: map && map.length > 0 ? Buffer.from(map).toString('base64') : undefined,
    sentencePiece: { added, unknownId },
  };
}

function pieceField(tag: number, piece: Piece, pbf: PbfReader): void {
  if (tag === 1) piece.piece = pbf.readString();
  else if (tag === 2) piece.score = pbf.readFloat();
  else if (tag === 3) piece.type = pbf.readVarint();
}

/** All ways to make a piece of two others: in the order of the pieces, then of the lengths of the two, then of their ids. */
function mergesOf(ids: ReadonlyMap<string, number>): (readonly [string, string])[] {
  const merges: { left: string; right: string; id: number; lengths: readonly [number, number] }[] = [];
  for (const [piece, id] of ids) {
    const letters = Array.from(piece);
    const found: (typeof merges)[number][] = [];
    let left = '';
    for (let at = 1; at < letters.length; at++) {
      left += letters[at - 1]!;
      const right = piece.slice(left.length);
      if (ids.has(left) && ids.has(right)) found.push({ left, right, id, lengths: [at, letters.length - at] });
    }
    found.sort((a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!);
    merges.push(...found);
  }
  merges.sort((a, b) => a.id - b.id || a.lengths[0] - b.lengths[0] || a.lengths[1] - b.lengths[1]);
  return merges.map(({ left, right }) => [left, right] as const);
}
