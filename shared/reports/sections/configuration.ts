import { stringify } from 'yaml';
import { table } from '../figure.ts';
import { html } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import type { Section } from '../section.ts';

/** The keys in which the runs' configurations differ, with each run's value as text. */
function configDifferences(runs: readonly RunReport[]): { key: string; values: string[] }[] {
  const flat = runs.map(({ config }) => flatten(config));
  const keys = [...new Set(flat.flatMap((entries) => [...entries.keys()]))];
  return keys
    .map((key) => ({ key, values: flat.map((entries) => entries.get(key) ?? '–') }))
    .filter(({ values }) => new Set(values).size > 1);
}

export const configurationSection: Section = {
  name: 'configuration',
  title: 'Configuration',
  howToRead:
    'The run file with every default filled in: enough, with the data and the versions below, to repeat the run.',
  render({ runs }) {
    if (runs.length === 0) return null;
    const differences = runs.length > 1 ? configDifferences(runs) : [];
    const differing =
      differences.length > 0
        ? table(
            'Where the runs differ',
            ['Key', ...runs.map(({ name }) => name)],
            differences.map(({ key, values }) => [
              html`<code>${key}</code>`,
              ...values.map((value) => html`<code>${value}</code>`),
            ]),
          )
        : null;
    return html`${differing}${runs.map(
      ({ name, config }) =>
        html`<details${runs.length === 1 ? html` open` : null}><summary>${name}</summary><pre><code>${stringify(config)}</code></pre></details>`,
    )}`;
  },
};

function flatten(value: unknown, path = ''): Map<string, string> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord) return new Map([[path, JSON.stringify(value) ?? '–']]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path === '' ? key : `${path}.${key}`)]),
  );
}
