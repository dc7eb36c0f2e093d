/** Texts that share rows and know nothing of each other: which texts go into which row. */

/** Rows, each with the numbers of its texts in order. */
export type PackedRows = readonly (readonly number[])[];

/**
 * Texts in rows of at most `capacity` tokens by first-fit decreasing: the longest first, each into the first row that has room. How many rows
 * come of it, and how full they are, depends on the lengths alone. Source: Johnson, Near-optimal bin packing algorithms (1973)
 * @param lengths of the texts in tokens; none is longer than a row
 * @param order of the texts, by which those of one length go; absent: their own
 */
export function packRows(lengths: readonly number[], capacity: number, order?: readonly number[]): PackedRows {
  const decreasing = (order ?? lengths.map((_, text) => text)).toSorted((a, b) => lengths[b]! - lengths[a]!);
  const room = new RoomByRow(lengths.length, capacity);
  const rows: number[][] = [];
  for (const text of decreasing) {
    const row = room.takeFirst(lengths[text]!);
    if (row === rows.length) rows.push([]);
    rows[row]!.push(text);
  }
  return rows;
}

/** What room rows have: a tree of which each node has the most room below it, so that the first row with enough is found in log2(rows) steps. */
class RoomByRow {
  readonly #leaves: number;
  readonly #most: Int32Array;

  constructor(rows: number, capacity: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(1, rows)));
    this.#most = new Int32Array(2 * this.#leaves).fill(capacity);
  }

  /** Takes `size` of the first row that has as much. */
  takeFirst(size: number): number {
    const most = this.#most;
    let node = 1;
    while (node < this.#leaves) node = most[2 * node]! >= size ? 2 * node : 2 * node + 1;
    const row = node - this.#leaves;
    most[node]! -= size;
    for (node >>= 1; node >= 1; node >>= 1) most[node] = Math.max(most[2 * node]!, most[2 * node + 1]!);
    return row;
  }
}

/** Lists of tokens, one for each row, and where in it each of its texts begins. */
export interface JoinedTexts {
  readonly ids: readonly Int32Array[];
  /** 1 for tokens that are learnt; absent: all are. */
  readonly learnt?: readonly Uint8Array[];
  readonly starts: PackedRows;
}

/** The texts of each row one after the other. */
export function joinRows(
  { ids, learnt }: { readonly ids: readonly Int32Array[]; readonly learnt?: readonly Uint8Array[] | undefined },
  rows: PackedRows,
): JoinedTexts {
  const starts = rows.map((texts) => {
    let place = 0;
    return texts.map((text) => {
      const start = place;
      place += ids[text]!.length;
      return start;
    });
  });
  const joined = <List extends Int32Array | Uint8Array>(lists: readonly List[], make: (length: number) => List) =>
    rows.map((texts, row) => {
      const whole = make(texts.reduce((sum, text) => sum + lists[text]!.length, 0));
      for (const [place, text] of texts.entries()) whole.set(lists[text]!, starts[row]![place]!);
      return whole;
    });
  return {
    ids: joined(ids, (length) => new Int32Array(length)),
    ...(learnt && { learnt: joined(learnt, (length) => new Uint8Array(length)) }),
    starts,
  };
}

/** Which text of its row each token is of, from 1, and its place in it; both `[rows, length]`, zeros for padding. */
export function placesInRows(
  { ids, starts }: JoinedTexts,
  rows: readonly number[],
  length: number,
): { readonly segments: Int32Array; readonly positions: Int32Array } {
  const segments = new Int32Array(rows.length * length);
  const positions = new Int32Array(rows.length * length);
  for (const [place, row] of rows.entries()) {
    for (const [number, start] of starts[row]!.entries()) {
      const end = starts[row]![number + 1] ?? ids[row]!.length;
      for (let at = start; at < end; at++) {
        segments[place * length + at] = number + 1;
        positions[place * length + at] = at - start;
      }
    }
  }
  return { segments, positions };
}

/** The lengths of the texts in rows, in order, in tokens. */
export const lengthsIn = ({ ids, starts }: JoinedTexts): number[] =>
  starts.flatMap((inRow, row) => inRow.map((start, text) => (inRow[text + 1] ?? ids[row]!.length) - start));
