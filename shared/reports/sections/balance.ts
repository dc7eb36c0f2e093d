import { stringify } from 'yaml';
import { table } from '../figure.ts';
import { formatNumber } from '../format.ts';
import { html } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import { representatives } from '../representatives.ts';
import type { Section } from '../section.ts';

/** Whether settings of balance were changed while a run was under way. */
const isChanged = ({ history }: RunReport) => history.some(({ what }) => /^balance\b/.test(what));

export const balanceSection: Section = {
  name: 'balance',
  title: 'What is balanced',
  howToRead:
    'How much of the model gets rates by its spectra, when these are set, and what to know when judging the result. Only what beats the controls (balance.control) shows that the spectra matter.',
  render({ runs }) {
    const { shown, note } = representatives(runs, ({ balance }) => balance !== undefined);
    if (shown.length === 0) return null;
    return html`${note}${shown.map(({ run, label }) => {
      const { method, covered, timing, notes } = run.balance!;
      const heading = runs.length > 1 ? html`<h3>${label}</h3>` : null;
      const sentences = [
        `${method}.`,
        `${covered}.`,
        `Rates are ${timing}.`,
        ...(isChanged(run) ? ['These settings were changed while the run was under way: see History.'] : []),
        ...notes.map((each) => `${each}.`),
      ];
      return html`${heading}<ul>${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>${measurements(run)}<details><summary>Settings of balance</summary><pre tabindex="0"><code>${stringify(run.config.balance)}</code></pre></details>`;
    })}`;
  },
};

/** Rows of a table that are drawn of a run at most. */
const mostRows = 40;

/** The table of analyses within epochs. */
function measurements({ epochs }: RunReport) {
  const rows = epochs.flatMap(({ epoch, measurements = [] }) =>
    measurements.map(({ steps, alphaMean, alphaStd }) => [
      String(steps),
      String(epoch),
      formatNumber(alphaMean),
      formatNumber(alphaStd),
    ]),
  );
  if (rows.length === 0) return null;
  const shown = rows.length > mostRows ? `, the first ${mostRows} of ${rows.length}` : '';
  const drawn = table(
    `Rates set within epochs${shown}`,
    ['After step', 'In epoch', 'Mean alpha', 'Spread'],
    rows.slice(0, mostRows),
    [0, 1, 2, 3],
  );
  return html`<details><summary>Rates set within epochs: ${rows.length} times</summary>${drawn}</details>`;
}
