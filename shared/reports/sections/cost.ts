import { table } from '../figure.ts';
import { formatUsd } from '../format.ts';
import { html } from '../html.ts';
import type { RunCost } from '../report-input.ts';
import type { Section } from '../section.ts';

/** The words for the ways in which a cost is counted. */
const bases: Readonly<Record<RunCost['basis'], string>> = {
  meter: 'metered: what every task used, failed ones too, at list prices on demand',
  usdPerHour: 'the time it took, at budget.usdPerHour',
};

/** More rows than these are folded away. */
const MOST_ROWS = 10;

export const costSection: Section = {
  name: 'cost',
  title: 'Cost',
  howToRead:
    'What the runs have cost so far. A metered cost is a bound as far as Spot machines are cheaper, and leaves out machines that are kept warm, disks, storage, logs and data transfer.',
  render({ runs }) {
    const rows = runs.flatMap(({ name, cost, epochs }) =>
      cost ? [[name, formatUsd(cost.usd), formatUsd(cost.usd / Math.max(1, epochs.length)), bases[cost.basis]]] : [],
    );
    if (rows.length === 0) return null;
    const each = table('One row per run', ['Run', 'Cost', 'an epoch', 'Counted by'], rows, [1, 2]);
    if (rows.length <= MOST_ROWS) return each;
    const sum = runs.reduce((usd, { cost }) => usd + (cost?.usd ?? 0), 0);
    return html`<p>${rows.length} runs have cost ${formatUsd(sum)} together.</p><details><summary>One by one</summary>${each}</details>`;
  },
};
