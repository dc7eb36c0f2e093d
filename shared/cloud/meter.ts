import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readJson } from '../checkpoints/json.ts';
import packagedPrices from '../costs/prices.json' with { type: 'json' };
import { pricesOf, priceTableSchema, type RegionPrices } from '../costs/prices.ts';
import type { Meter } from '../pipeline/context.ts';

/** The price table of a deployment; where there is none, the package's is in force. */
export const priceTableKey = 'prices/prices.json';

interface MeterOptions {
  readonly store: ArtifactStore;
  readonly region: string;
  readonly functionGb?: number;
  readonly takeRequests: Meter['takeRequests'];
  readonly job?: Meter['job'];
}

/** Meters by the prices of a region, which are read once in this process. */
export function cloudMeter({ store, region, functionGb = 0, takeRequests, job }: MeterOptions): Meter {
  let known: Promise<RegionPrices> | undefined;
  return {
    functionGb,
    takeRequests,
    ...(job ? { job } : {}),
    prices() {
      known ??= pricesInForce(store, region);
      known.catch(() => {
        known = undefined;
      });
      return known;
    },
  };
}

/** @throws UserError when the table in force does not have the region. */
async function pricesInForce(store: ArtifactStore, region: string): Promise<RegionPrices> {
  const own = await readJson(store, priceTableKey, priceTableSchema);
  return pricesOf(own ?? priceTableSchema.parse(packagedPrices), region);
}

/** The laps of a job whose process has been up for `uptime()` seconds. */
export function jobLaps(id: string, uptime: () => number): NonNullable<Meter['job']> {
  let laps = 0;
  let before = 0;
  return {
    id,
    lap() {
      const now = uptime();
      const seconds = Math.max(0, now - before);
      before = now;
      return { lap: laps++, seconds };
    },
  };
}
