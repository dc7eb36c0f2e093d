import { RunError } from '../core/errors.ts';
import { type LayerSize, layerBytes, layerFlops } from './cost.ts';

/** Layers that one worker analyses, costliest first. */
export interface Shard {
  readonly layers: readonly string[];
  readonly flops: number;
  readonly bytes: number;
}

/** Operations that a core does in the time in which it reads a byte. */
const flopsPerByte = 50;

/** What a layer costs: the cubic work on its matrices, and getting at its bytes. */
export const layerCost = (size: LayerSize): number => layerFlops(size) + flopsPerByte * layerBytes(size);

/** Layers from the costliest to the cheapest, by name where they cost the same. */
function costliestFirst<Size extends LayerSize>(layers: readonly Size[]): Size[] {
  return layers.toSorted((a, b) => layerCost(b) - layerCost(a) || (a.name < b.name ? -1 : 1));
}

/**
 * Shares layers out to at most `workers` workers so that all finish at about the same time: each layer, costliest first,
 * goes to the worker that has least to do (Graham 1969: at most 4/3 of the best). Depends on the layers alone, not on
 * their order.
 */
export function planShards(layers: readonly LayerSize[], workers: number): Shard[] {
  const shards = Array.from({ length: Math.min(Math.max(1, workers), layers.length) }, () => ({
    layers: [] as string[],
    flops: 0,
    bytes: 0,
    cost: 0,
  }));
  for (const layer of costliestFirst(layers)) {
    const shard = shards.reduce((least, candidate) => (candidate.cost < least.cost ? candidate : least));
    shard.layers.push(layer.name);
    shard.flops += layerFlops(layer);
    shard.bytes += layerBytes(layer);
    shard.cost += layerCost(layer);
  }
  return shards.map(({ cost: _, ...shard }) => shard);
}

/** The limit on layers that are analysed at once, over all shards. */
interface ShardLimit<Size> {
  readonly workers: number;
  /** A single layer may always be under way; several only as long as together they weigh no more than this. */
  readonly weight: number;
  weigh(layer: Size): number;
}

/**
 * Plans shards and works through them side by side, layer after layer in each. After a failure no layer is begun, and what
 * is under way is waited for.
 * @returns what each shard found, in its own order.
 */
export async function workThroughShards<Size extends LayerSize, Found>(
  layers: readonly Size[],
  { workers, weight, weigh }: ShardLimit<NoInfer<Size>>,
  task: (layer: Size) => Promise<Found>,
): Promise<Found[][]> {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const failures: unknown[] = [];
  let [load, room] = [0, Promise.withResolvers<void>()];
  const begin = async (own: number) => {
    while (load > 0 && load + own > weight) await room.promise;
    load += own;
  };
  const end = (own: number) => {
    load -= own;
    room.resolve();
    room = Promise.withResolvers();
  };
  const workThrough = async (shard: Shard) => {
    const found: Found[] = [];
    for (const layer of shard.layers.map((name) => byName.get(name)!)) {
      const own = weigh(layer);
      await begin(own);
      try {
        if (failures.length === 0) found.push(await task(layer));
      } catch (error) {
        failures.push(error);
      } finally {
        end(own);
      }
    }
    return found;
  };
  const parts = await Promise.all(planShards(layers, workers).map(workThrough));
  if (failures.length > 0) throw failures[0];
  return parts;
}

/**
 * Puts what the shards found back into the order of the layers, whichever shard came back first.
 * @throws RunError when a layer is missing or came back twice.
 */
export function mergeShards<Found extends { readonly name: string }>(
  layers: readonly { readonly name: string }[],
  parts: Iterable<readonly Found[]>,
): Found[] {
  const found = new Map<string, Found>();
  for (const part of parts) {
    for (const one of part) {
      if (found.has(one.name)) throw new RunError('came back from two shards', { where: `layer ${one.name}` });
      found.set(one.name, one);
    }
  }
  return layers.map(({ name }) => {
    const one = found.get(name);
    if (!one) throw new RunError('came back from no shard', { where: `layer ${name}` });
    return one;
  });
}
