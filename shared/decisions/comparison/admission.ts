/**
 * The budget that all runs of a comparison draw on. A ledger says what runs have spent and what those under way may spend; it is stored as JSON and changed by
 * compare-and-swap. Hours are those of all runs together, side by side or not.
 */
import { z } from 'zod';

const amountSchema = z.object({
  hours: z.number().nonnegative().optional(),
  usd: z.number().nonnegative().optional(),
});
/** Of a budget or an allowance: what it doesn't name is not limited. */
export type Amount = z.infer<typeof amountSchema>;

const spentSchema = z.object({
  hours: z.number().nonnegative(),
  usd: z.number().nonnegative().nullable().describe('Null where nothing is metered.'),
});
/** The money and time that a run has used since it was first started. */
export type RunSpending = z.infer<typeof spentSchema>;

export const ledgerSchema = z.object({
  spent: z.record(z.string(), spentSchema).describe('By run, of those that have ended.'),
  reserved: z.record(z.string(), amountSchema).describe('By run, of those under way: what each may spend at most.'),
});
export type Ledger = z.infer<typeof ledgerSchema>;

export const emptyLedger: Ledger = { spent: {}, reserved: {} };

export type Admission =
  | { readonly admitted: true; readonly ledger: Ledger; readonly allowance: Amount }
  | { readonly admitted: false; readonly ledger: Ledger; readonly reason: string };

const kinds = ['hours', 'usd'] as const;
type Kind = (typeof kinds)[number];

const isLimited = ({ hours, usd }: Amount) => hours !== undefined || usd !== undefined;

/**
 * Which of the runs that are to be done may start side by side: all, but with a budget of which no run has used anything yet only one. Nobody knows then what a run
 * takes, and shares of a small budget might be too small for any run to end.
 */
export function startTogether({ spent, reserved }: Ledger, budget: Amount, runs: readonly string[]): readonly string[] {
  if (!isLimited(budget) || Object.keys(spent).length > 0) return runs;
  const begun = runs.find((run) => reserved[run] !== undefined);
  return begun === undefined ? runs.slice(0, 1) : [begun];
}

/**
 * Whether a run may start, and what it may spend: the first run of all what there is. For others, what is left is shared among the places that are free, or among as many
 * runs as it pays for, where these are fewer; a run is counted as the dearest that has ended. A run that holds a reservation keeps it. One that
 * has ended and goes on has what it spent within its allowance. Spendings and allowances never exceed the budget together, as long as no run exceeds its own.
 */
export function admit(
  ledger: Ledger,
  { budget, parallel }: { readonly budget: Amount; readonly parallel: number },
  run: string,
): Admission {
  const held = ledger.reserved[run];
  if (held) return { admitted: true, ledger, allowance: held };
  const { [run]: before, ...others } = ledger.spent;
  const isFirst = Object.keys(ledger.spent).length === 0;
  const free = isFirst ? 1 : Math.max(1, parallel - Object.keys(ledger.reserved).length);
  const offers = kinds.flatMap((kind) => {
    const limit = budget[kind];
    if (limit === undefined) return [];
    const left = limit - used(ledger, kind);
    const needed = dearest(others, kind) ?? 0;
    return [{ kind, limit, left, needed, before: before?.[kind] ?? 0 }];
  });
  const refused = offers.find(({ left, needed, before }) => left <= 0 || left + before < needed);
  if (refused) return { admitted: false, ledger, reason: refusal(refused) };
  const paidFor = offers.map(({ left, needed }) => (needed > 0 ? Math.max(1, Math.floor(left / needed)) : free));
  const shares = Math.min(free, ...paidFor);
  const allowance: Amount = Object.fromEntries(offers.map(({ kind, left, before }) => [kind, before + left / shares]));
  return { admitted: true, allowance, ledger: { spent: others, reserved: { ...ledger.reserved, [run]: allowance } } };
}

/** Notes what a run has spent in all, and ends its reservation; a second time it changes nothing. */
export function settle({ spent, reserved }: Ledger, run: string, spending: RunSpending): Ledger {
  const { [run]: _, ...others } = reserved;
  return { spent: { ...spent, [run]: spending }, reserved: others };
}

/** The sum of what runs have spent and have reserved. */
function used({ spent, reserved }: Ledger, kind: Kind): number {
  return [...Object.values(spent), ...Object.values(reserved)].reduce((sum, amount) => sum + (amount[kind] ?? 0), 0);
}

/** Null where no run has ended. */
function dearest(spent: Ledger['spent'], kind: Kind): number | null {
  const amounts = Object.values(spent).flatMap((amount) => amount[kind] ?? []);
  return amounts.length > 0 ? Math.max(...amounts) : null;
}

const unitWords: Record<Kind, string> = { hours: 'hours', usd: 'USD' };

function refusal({ kind, limit, left, needed }: { kind: Kind; limit: number; left: number; needed: number }): string {
  const unit = unitWords[kind];
  const rest = `of the budget of ${amount(limit)} ${unit}, ${amount(Math.max(0, left))} are neither spent nor set aside`;
  return needed > 0 ? `${rest}, and a run takes up to ${amount(needed)}` : rest;
}

const amount = (value: number): string => String(Number(value.toPrecision(3)));
