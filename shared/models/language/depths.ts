const blockNumber = (name: string): number | undefined => {
  const found = /\.(\d+)\./.exec(name);
  return found ? Number(found[1]) : undefined;
};

/** The number of blocks of a model, by the names of its modules or parameters; 0 where none has the number of a block. */
export function blockCount(names: readonly string[]): number {
  return names.reduce((most, name) => Math.max(most, (blockNumber(name) ?? -1) + 1), 0);
}

/**
 * How far below the top of a model each module lies: 0 above the last block (heads, pooler, final norm), 1 in the last of n blocks, n in
 * the first, and n + 1 below it (embeddings). Undefined throughout where no name has the number of a block.
 * @param names of all modules, in the order in which they are applied; those in a block have its number between dots
 */
export function depthsOf(names: readonly string[]): (number | undefined)[] {
  const numbers = names.map(blockNumber);
  const blocks = blockCount(names);
  if (blocks === 0) return names.map(() => undefined);
  const first = numbers.findIndex((number) => number !== undefined);
  return numbers.map((number, index) => {
    if (number !== undefined) return blocks - number;
    return index < first ? blocks + 1 : 0;
  });
}
