/** More pieces than any vocabulary has. */
const base = 2 ** 24;

interface Entry {
  readonly pair: number;
  readonly count: number;
}

/** Pairs of pieces by how often they occur; of pairs that are alike, the one of earlier pieces comes first. */
export class PairQueue {
  readonly #counts = new Map<number, number>();
  /** Pairs whose count has changed since they were last put into the heap. */
  readonly #changed = new Set<number>();
  /** A binary heap that may hold a pair more than once: only the entry with its present count is true. */
  readonly #heap: Entry[] = [];

  /** Counts a pair up or down, and returns the number it goes by. */
  add(first: number, second: number, change: number): number {
    const pair = first * base + second;
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + change);
    this.#changed.add(pair);
    return pair;
  }

  /** The most frequent pair, if it occurs at least so often. */
  take(minCount: number): { readonly first: number; readonly second: number; readonly pair: number } | undefined {
    for (const pair of this.#changed) {
      const count = this.#counts.get(pair)!;
      if (count >= minCount) this.#push({ pair, count });
      else if (count === 0) this.#counts.delete(pair);
    }
    this.#changed.clear();
    for (let top = this.#pop(); top; top = this.#pop()) {
      const { pair, count } = top;
      if (this.#counts.get(pair) === count) return { first: Math.floor(pair / base), second: pair % base, pair };
    }
    return undefined;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return top;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (child >= heap.length || !isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
    return top;
  }
}

const isBefore = (a: Entry, b: Entry) => a.count > b.count || (a.count === b.count && a.pair < b.pair);
