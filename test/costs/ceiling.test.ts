import { beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { UserError } from '../../shared/core/errors.ts';
import { ceilingStanding, noteSpend, refuseAboveCeiling } from '../../shared/costs/ceiling.ts';
import { fakeConfig } from '../support/fake-run.ts';
import { runMetered } from '../support/metered-run.ts';

let store: ArtifactStore;
beforeEach(() => {
  store = memoryStore();
});

const now = new Date('2026-11-30T12:00:00Z');
const note = (at: string, usd: number, id = `${at} ${usd}`) =>
  noteSpend(store, { run: 'runs/waves-1', id, usd, at: new Date(at) });

describe('the ceiling of a service', () => {
  it('counts what was spent in the day or the month, in UTC', async () => {
    await note('2026-10-31T23:59:59Z', 100);
    await note('2026-11-01T00:00:00Z', 10);
    await note('2026-11-29T23:59:59Z', 1);
    await note('2026-11-30T00:00:00Z', 0.25);
    await note('2026-11-30T11:59:59Z', 0.000001);
    await note('2026-12-01T00:00:00Z', 1000);
    const month = await ceilingStanding(store, { usd: 20, per: 'month' }, now);
    expect(month).toMatchObject({ since: '2026-11-01', until: '2026-12-01' });
    expect(month.spentUsd).toBeCloseTo(11.250001, 9);
    expect(month.leftUsd).toBeCloseTo(8.749999, 9);
    const day = await ceilingStanding(store, { usd: 20, per: 'day' }, now);
    expect(day).toMatchObject({ since: '2026-11-30', until: '2026-12-01' });
    expect(day.spentUsd).toBeCloseTo(0.250001, 9);
    expect(await ceilingStanding(store, undefined, now)).toMatchObject({ since: '2026-11-01', leftUsd: null });
    const last = new Date('2026-12-31T23:00:00Z');
    expect(await ceilingStanding(store, { usd: 1, per: 'month' }, last)).toMatchObject({ until: '2027-01-01' });
  });

  it('counts an amount that is noted twice once', async () => {
    await note('2026-11-30T00:00:00Z', 1, 'Checkpoint-1');
    await note('2026-11-30T00:00:01Z', 1, 'Checkpoint-1');
    await note('2026-11-30T00:00:01Z', 1, 'Checkpoint-2');
    expect((await ceilingStanding(store, undefined, now)).spentUsd).toBe(2);
  });

  it('refuses new runs once it is reached, with what was spent and until when', async () => {
    const ceiling = { usd: 20, per: 'month' } as const;
    await note('2026-11-02T00:00:00Z', 19.99);
    await refuseAboveCeiling(store, ceiling, now);
    await note('2026-11-30T00:00:00Z', 0.5);
    const refused = await refuseAboveCeiling(store, ceiling, now).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UserError);
    expect((refused as Error).message).toBe(
      'ceiling: the ceiling of the service is reached: 20.49 of 20.00 USD a month are spent since 2026-11-01\n' +
        '  No new run begins before 2026-12-01 (UTC); those under way go on. Or raise `ceiling` in cdk.json, and deploy again.',
    );
    await refuseAboveCeiling(store, { ...ceiling, per: 'day' }, now);
    await refuseAboveCeiling(store, undefined, now);
  });

  it('counts what every task of a run was metered with', async () => {
    const { usd, store: metered } = await runMetered({ config: fakeConfig({ training: { epochs: 2 } }) });
    const { spentUsd } = await ceilingStanding(metered, undefined, new Date(Date.UTC(2026, 10, 24)));
    expect(usd).toBeGreaterThan(0);
    expect(spentUsd).toBeCloseTo(usd, 6);
  });
});
