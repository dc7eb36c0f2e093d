/** How much may be under way at a time; a single item always may. */
export interface InFlightLimit<Item> {
  readonly count: number;
  /** With `weigh`: what all items under way may weigh together. */
  readonly weight?: number;
  weigh?(item: Item): number;
}

/**
 * Runs `task` on items, several at a time, beginning them in their order; results come in that order too. Items are taken
 * from the iterable as there is room for them. After a failure nothing more is begun, and what is under way is waited for.
 */
export async function mapInFlight<Item, Result>(
  items: Iterable<Item>,
  { count, weight = Number.POSITIVE_INFINITY, weigh = () => 0 }: InFlightLimit<Item>,
  task: (item: Item) => Result | Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let load = 0;
  let index = 0;
  const attempt = async (item: Item, at: number) => {
    try {
      results[at] = await task(item);
    } catch (error) {
      failures.push(error);
    }
  };
  for (const item of items) {
    const own = weigh(item);
    while (running.size > 0 && failures.length === 0 && (running.size >= count || load + own > weight)) {
      await Promise.race(running);
    }
    if (failures.length > 0) break;
    const at = index++;
    load += own;
    const run = attempt(item, at).finally(() => {
      load -= own;
      running.delete(run);
    });
    running.add(run);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  return results;
}
