import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Admission,
  type Amount,
  admit,
  emptyLedger,
  type Ledger,
  ledgerSchema,
  settle,
  startTogether,
} from '../../../shared/decisions/comparison/admission.ts';

const settings = { budget: { hours: 12 }, parallel: 4 };

function admitted(admission: Admission): { ledger: Ledger; allowance: Amount } {
  if (!admission.admitted) throw new Error(admission.reason);
  return admission;
}

describe('a run of a comparison', () => {
  it('may spend all that there is where it is the first, and else an equal share of what is left', () => {
    const first = admitted(admit(emptyLedger, settings, 'a'));
    expect(first.allowance).toEqual({ hours: 12 });
    // 'a' gives 11 hours back: they are left to the four places that are free.
    const second = admitted(admit(settle(first.ledger, 'a', { hours: 1, usd: null }), settings, 'b'));
    expect(second.allowance).toEqual({ hours: 11 / 4 });
    const third = admitted(admit(second.ledger, settings, 'c'));
    expect(third.allowance).toEqual({ hours: 11 / 4 });
  });
  it('is started alone where there is a budget and no run has ended, so that a small one lets one run end', () => {
    const { ledger } = admitted(admit(emptyLedger, settings, 'b'));
    expect(startTogether(emptyLedger, { hours: 12 }, ['a', 'b', 'c'])).toEqual(['a']);
    expect(startTogether(emptyLedger, {}, ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
    expect(startTogether(emptyLedger, { usd: 1 }, [])).toEqual([]);
    // One that was begun goes on first: it holds the budget.
    expect(startTogether(ledger, { hours: 12 }, ['a', 'b', 'c'])).toEqual(['b']);
    const ended = settle(ledger, 'b', { hours: 11.5, usd: null });
    expect(startTogether(ended, { hours: 12 }, ['a', 'c'])).toEqual(['a', 'c']);
    expect(admit(ended, settings, 'a')).toMatchObject({
      admitted: false,
      reason: expect.stringContaining('up to 11.5'),
    });
  });
  it('keeps its reservation when it goes on', () => {
    const first = admitted(admit(emptyLedger, settings, 'a'));
    expect(admit(first.ledger, settings, 'a')).toEqual({ admitted: true, ...first });
  });
  it('that has ended and goes on may spend its share besides what it spent', () => {
    const ledger = settle(emptyLedger, 'a', { hours: 4, usd: null });
    const again = admitted(admit(ledger, settings, 'a'));
    expect(again.allowance).toEqual({ hours: 4 + 8 / 4 });
    expect(again.ledger.spent).toEqual({});
  });
  it('shares with no more runs than what is left pays for', () => {
    // 3 hours are left and runs take 1.5: two of them, not four of 0.75.
    const ledger = settle(settle(emptyLedger, 'a', { hours: 7.5, usd: null }), 'a', { hours: 1.5, usd: null });
    const small = { budget: { hours: 4.5 }, parallel: 4 };
    expect(admitted(admit(ledger, small, 'b')).allowance).toEqual({ hours: 1.5 });
  });
  it('is refused where less is left than the dearest has cost', () => {
    const ledger = settle(settle(emptyLedger, 'a', { hours: 7, usd: null }), 'b', { hours: 2, usd: null });
    expect(admit(ledger, settings, 'c')).toEqual({
      admitted: false,
      ledger,
      reason: 'of the budget of 12 hours, 3 are neither spent nor set aside, and a run takes up to 7',
    });
  });
  it('is refused where nothing is left, though no run has ended', () => {
    const only = { budget: { usd: 2 }, parallel: 1 };
    const { ledger } = admitted(admit(emptyLedger, only, 'a'));
    expect(admit(ledger, only, 'b')).toMatchObject({
      admitted: false,
      reason: 'of the budget of 2 USD, 0 are neither spent nor set aside',
    });
  });
  it('is limited by hours and dollars, each where the budget names it', () => {
    const both = { budget: { hours: 10, usd: 1 }, parallel: 2 };
    expect(admitted(admit(emptyLedger, both, 'a')).allowance).toEqual({ hours: 10, usd: 1 });
    const ledger = settle(emptyLedger, 'a', { hours: 1, usd: 0.6 });
    expect(admit(ledger, both, 'b')).toMatchObject({ admitted: false, reason: expect.stringContaining('USD') });
    expect(admitted(admit(ledger, { budget: {}, parallel: 2 }, 'b')).allowance).toEqual({});
  });
  it('is settled once, whatever is repeated', () => {
    const { ledger } = admitted(admit(emptyLedger, settings, 'a'));
    const once = settle(ledger, 'a', { hours: 1, usd: 0.5 });
    expect(settle(once, 'a', { hours: 1, usd: 0.5 })).toEqual(once);
    expect(ledgerSchema.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
  });
});

describe('a budget', () => {
  /** Starts of a run, and ends at a share of what it may spend; of a few runs, so that some start again. */
  const steps = fc.array(
    fc.record({
      run: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      ends: fc.boolean(),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { maxLength: 60 },
  );
  it('is never exceeded by what is spent and allowed together, in whatever order', () => {
    let refused = 0;
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (drawn, parallel) => {
        const budget = { hours: 10, usd: 3 };
        let ledger = emptyLedger;
        for (const { run, ends, share } of drawn) {
          const allowed = ledger.reserved[run];
          if (ends && allowed) {
            ledger = settle(ledger, run, { hours: share * allowed.hours!, usd: share * allowed.usd! });
          } else {
            const admission = admit(ledger, { budget, parallel }, run);
            ledger = admission.ledger;
            if (!admission.admitted) refused++;
          }
          for (const kind of ['hours', 'usd'] as const) {
            const amounts = [...Object.values(ledger.spent), ...Object.values(ledger.reserved)];
            const sum = amounts.reduce((total, amount) => total + amount[kind]!, 0);
            expect(sum).toBeLessThanOrEqual(budget[kind] * (1 + 1e-12));
          }
        }
      }),
    );
    expect(refused).toBeGreaterThan(0);
  });
});
