import { stringify } from 'yaml';
import { table } from '../figure.ts';
import { type Grouping, groupRuns, representativeOf } from '../groups.ts';
import { html, type Markup } from '../html.ts';
import type { Section } from '../section.ts';

export const configurationSection: Section = {
  name: 'configuration',
  title: 'Configuration',
  howToRead:
    'The run file with every default filled in: enough, with the data and the versions below, to repeat the run.',
  render({ runs }) {
    if (runs.length === 0) return null;
    const { groups, differences } = groupRuns(runs);
    const differing = differences.length > 0 ? differenceTable(groups, differences) : null;
    const isRepeated = groups.length < runs.length;
    const note = isRepeated
      ? html`<p class="key">The file of one run of each group: its other runs differ in seed, name and folder.</p>`
      : null;
    return html`${differing}${note}${groups.map((group) => {
      const { name, config } = representativeOf(group);
      return html`<details${runs.length === 1 ? html` open` : null}><summary>${name}</summary><pre tabindex="0"><code>${stringify(config)}</code></pre></details>`;
    })}`;
  },
};

/** Of more groups than these each has a row, and each key a column. */
const MOST_COLUMNS = 6;

function differenceTable(groups: Grouping['groups'], differences: Grouping['differences']): Markup {
  const code = (text: string | null) => html`<code>${text ?? '–'}</code>`;
  const caption = 'Where the groups differ';
  if (groups.length <= MOST_COLUMNS) {
    const rows = differences.map(({ key, values }) => [code(key), ...values.map(code)]);
    return table(caption, ['Key', ...groups.map(({ label }) => label)], rows);
  }
  const rows = groups.map(({ label }, index) => [label, ...differences.map(({ values }) => code(values[index]!))]);
  return table(caption, ['Group', ...differences.map(({ key }) => key)], rows);
}
