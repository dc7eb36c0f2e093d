import { expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { cloudMeter, jobLaps, priceTableKey } from '../../shared/cloud/meter.ts';
import { UserError } from '../../shared/core/errors.ts';
import packaged from '../../shared/costs/prices.json' with { type: 'json' };
import { prices } from '../support/metered-run.ts';

const takeRequests = () => ({ writes: 0, reads: 0 });
const ownTable = (regions: object) => encodeJson({ version: 1, date: '2026-01-02', source: 'made up', regions });

it('takes the prices of the package where the bucket has no table', async () => {
  const found = await cloudMeter({ store: memoryStore(), region: 'us-west-2', takeRequests }).prices();
  expect(found).toEqual(packaged.regions['us-west-2']);
});

it('takes the table of the bucket, and reads it once', async () => {
  const store = memoryStore();
  await store.put(priceTableKey, ownTable({ 'eu-west-1': prices }));
  let reads = 0;
  const counting: ArtifactStore = {
    ...store,
    get(key) {
      reads += 1;
      return store.get(key);
    },
  };
  const meter = cloudMeter({ store: counting, region: 'eu-west-1', takeRequests });
  expect([await meter.prices(), await meter.prices()]).toEqual([prices, prices]);
  expect(reads).toBe(1);
});

it('says of a region without prices how to get them, and looks again once they are there', async () => {
  const store = memoryStore();
  const meter = cloudMeter({ store, region: 'eu-west-1', takeRequests });
  const refused = await meter.prices().catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(UserError);
  expect((refused as Error).message).toMatch(/no prices of eu-west-1 .*`npx tempbalance prices --region eu-west-1`/s);
  await store.put(priceTableKey, ownTable({ 'eu-west-1': prices }));
  expect(await meter.prices()).toEqual(prices);
});

it('divides the time of a process into laps, the first from its beginning', () => {
  const times = [5, 12, 12, 11];
  const { id, lap } = jobLaps('job', () => times.shift()!);
  expect([id, lap(), lap(), lap(), lap()]).toEqual([
    'job',
    { lap: 0, seconds: 5 },
    { lap: 1, seconds: 7 },
    { lap: 2, seconds: 0 },
    { lap: 3, seconds: 0 },
  ]);
});
