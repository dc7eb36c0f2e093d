/** Which runs are drawn where a figure for every run would be too many. */
import { formatCount } from './format.ts';
import { groupRuns, representativeOf } from './groups.ts';
import { html, type Markup } from './html.ts';
import type { RunReport } from './report-input.ts';

/** Runs that are drawn one by one at most. */
const MOST_DRAWN = 6;

/** A run that stands for its group. */
export interface Representative {
  readonly run: RunReport;
  /** Index of its group, which decides its style. */
  readonly index: number;
  /** The group's label, with the seed where the group has others. */
  readonly label: string;
}

/** One run of each of the first groups that have what is drawn, and a sentence where others are left out. */
export function representatives(
  runs: readonly RunReport[],
  has: (run: RunReport) => boolean = () => true,
): { readonly shown: readonly Representative[]; readonly note: Markup | null } {
  const { groups } = groupRuns(runs);
  const all = groups.flatMap((group, index) => {
    const having = group.runs.filter(has);
    if (having.length === 0) return [];
    const run = representativeOf({ ...group, runs: having });
    return [{ run, index, label: group.runs.length > 1 ? `${group.label}, seed ${run.seed}` : group.label }];
  });
  const shown = all.slice(0, MOST_DRAWN);
  const isOneOfMany = groups.some((group) => group.runs.length > 1);
  const sentences = [
    ...(isOneOfMany ? ['Of each group one run stands here, that of its smallest seed.'] : []),
    ...(shown.length < all.length
      ? [`Only the first ${MOST_DRAWN} of ${formatCount(all.length, 'group')} are drawn.`]
      : []),
  ];
  return { shown, note: sentences.length > 0 ? html`<p class="key">${sentences.join(' ')}</p>` : null };
}
