import { stringify } from 'yaml';
import { table } from '../figure.ts';
import { groupRuns, representativeOf } from '../groups.ts';
import { html } from '../html.ts';
import type { Section } from '../section.ts';

export const configurationSection: Section = {
  name: 'configuration',
  title: 'Configuration',
  howToRead:
    'The run file with every default filled in: enough, with the data and the versions below, to repeat the run.',
  render({ runs }) {
    if (runs.length === 0) return null;
    const { groups, differences } = groupRuns(runs);
    const differing =
      differences.length > 0
        ? table(
            'Where the groups differ',
            ['Key', ...groups.map(({ label }) => label)],
            differences.map(({ key, values }) => [
              html`<code>${key}</code>`,
              ...values.map((value) => html`<code>${value ?? '–'}</code>`),
            ]),
          )
        : null;
    const isRepeated = groups.length < runs.length;
    const note = isRepeated
      ? html`<p class="key">The file of one run of each group: its other runs differ in seed, name and folder.</p>`
      : null;
    return html`${differing}${note}${groups.map((group) => {
      const { name, config } = representativeOf(group);
      return html`<details${runs.length === 1 ? html` open` : null}><summary>${name}</summary><pre><code>${stringify(config)}</code></pre></details>`;
    })}`;
  },
};
