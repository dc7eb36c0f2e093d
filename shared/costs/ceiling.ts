/** What all runs of a deployment may spend in a day or a month, and what they have spent: an empty file for each metered amount, whose name says it. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { UserError } from '../core/errors.ts';

export const ceilingSchema = z.strictObject({ usd: z.number().positive(), per: z.enum(['day', 'month']) });
export type Ceiling = z.infer<typeof ceilingSchema>;

const folder = 'spend/';

/** `2026-11-30`, in UTC. */
const dayOf = (at: Date) => at.toISOString().slice(0, 10);

/** Notes what a task of a run was metered with. */
export async function noteSpend(
  store: ArtifactStore,
  { run, id, usd, at }: { readonly run: string; readonly id: string; readonly usd: number; readonly at: Date },
): Promise<void> {
  const digest = createHash('sha256').update(`${run} ${id}`).digest('hex').slice(0, 20);
  await store.put(`${folder}${dayOf(at)}/${usd.toFixed(9)}-${digest}`, new Uint8Array());
}

/** The money that a deployment has spent of its ceiling. */
export interface CeilingStanding {
  /** The first day that counts, and the day on which it begins anew. */
  readonly since: string;
  readonly until: string;
  readonly spentUsd: number;
  /** The rest in US dollars, not below 0; null without a ceiling. */
  readonly leftUsd: number | null;
}

/** What was spent in the period of the ceiling; without one, in the month. */
export async function ceilingStanding(
  store: ArtifactStore,
  ceiling: Ceiling | undefined,
  now: Date,
): Promise<CeilingStanding> {
  const per = ceiling?.per ?? 'month';
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const since = dayOf(new Date(Date.UTC(year, month, per === 'day' ? day : 1)));
  const until = dayOf(new Date(per === 'day' ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1)));
  const keys = await store.list(`${folder}${per === 'day' ? since : since.slice(0, 7)}`);
  const amounts = new Map<string, number>();
  for (const key of keys) {
    const [usd, digest] = amountIn(key);
    amounts.set(digest, Math.max(usd, amounts.get(digest) ?? 0));
  }
  const spentUsd = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
  return { since, until, spentUsd, leftUsd: ceiling ? Math.max(0, ceiling.usd - spentUsd) : null };
}

/** The amount that the name of a file says, and what it is of, which may be noted twice; 0 of a file that is none of ours. */
function amountIn(key: string): [usd: number, of: string] {
  const [, usd = '0', digest = key] = /\/(\d+\.\d+)-([0-9a-f]+)$/.exec(key) ?? [];
  return [Number(usd), digest];
}

const usd = (amount: number) => `${amount.toFixed(2)} USD`;

/** `12.30 of 100.00 USD a month are spent since 2026-11-01` */
export function describeCeiling({ since, spentUsd }: CeilingStanding, ceiling: Ceiling): string {
  return `${spentUsd.toFixed(2)} of ${usd(ceiling.usd)} a ${ceiling.per} are spent since ${since}`;
}

/** Why no new run may begin; undefined where one may. */
export async function reasonAgainstNewRuns(
  store: ArtifactStore,
  ceiling: Ceiling | undefined,
  now: Date,
): Promise<{ readonly what: string; readonly remedy: string } | undefined> {
  if (!ceiling) return undefined;
  const standing = await ceilingStanding(store, ceiling, now);
  if (standing.spentUsd < ceiling.usd) return undefined;
  return {
    what: `the ceiling of the service is reached: ${describeCeiling(standing, ceiling)}`,
    remedy: `No new run begins before ${standing.until} (UTC); those under way go on. Or raise \`ceiling\` in cdk.json, and deploy again.`,
  };
}

/** @throws UserError when the ceiling is reached. */
export async function refuseAboveCeiling(store: ArtifactStore, ceiling: Ceiling | undefined, now: Date): Promise<void> {
  const reason = await reasonAgainstNewRuns(store, ceiling, now);
  if (reason) throw new UserError(reason.what, { where: 'ceiling', remedy: reason.remedy });
}
