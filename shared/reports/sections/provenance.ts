import type { AdapterSpectra } from '../../models/language/settings.ts';
import { describeAdapter, trainedShare } from '../adapter.ts';
import { table } from '../figure.ts';
import { formatBytes } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import type { Section } from '../section.ts';

export const datasetSection: Section = {
  name: 'dataset',
  title: 'Data',
  howToRead: 'The file the run was trained on; the SHA-256 names its exact content.',
  render: ({ runs }) => facts(runs, ({ dataset }) => dataset),
};

const analysed = { merged: 'W + scale * BA', update: 'BA alone' } as const satisfies Record<AdapterSpectra, string>;

export const adapterSection: Section = {
  name: 'adapter',
  title: 'Adapter',
  howToRead: 'What was trained; all else is the base, whose weights the SHA-256 names, as it was.',
  render: ({ runs }) =>
    facts(runs, ({ adapter }): Readonly<Record<string, unknown>> => {
      if (!adapter) return {};
      const { config, base } = adapter;
      return {
        adapter: describeAdapter(config),
        trained: trainedShare(adapter),
        spectra: `of ${analysed[adapter.spectra]}`,
        base: base.path,
        sha256: base.sha256,
      };
    }),
};

export const versionsSection: Section = {
  name: 'versions',
  title: 'Versions',
  howToRead: 'The software that made the numbers.',
  render: ({ runs }) => facts(runs, ({ versions }) => versions),
};

export const historySection: Section = {
  name: 'history',
  title: 'History',
  howToRead: 'What happened to the run, in order: starts, interruptions, decisions.',
  render({ runs }) {
    const told = runs.filter(({ history }) => history.length > 0);
    if (told.length === 0) return null;
    return html`${told.map(({ name, history }) => {
      const events = table(
        name,
        ['Time', 'Event'],
        history.map(({ at, what }) => [at, what]),
      );
      return told.length <= MOST_OPEN ? events : html`<details><summary>${name}</summary>${events}</details>`;
    })}`;
  },
};

/** Histories of more runs than these are folded away. */
const MOST_OPEN = 4;
/** Names that head a column at most. */
const MOST_NAMES = 3;

/** A table of what the runs say, with a column for all runs that say the same. */
function facts(runs: readonly RunReport[], of: (run: RunReport) => Readonly<Record<string, unknown>>): Markup | null {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(of(run))))];
  if (keys.length === 0) return null;
  const columns = new Map<string, { names: string[]; texts: string[] }>();
  for (const run of runs) {
    const texts = keys.map((key) => describe(key, of(run)[key]));
    const column = columns.get(JSON.stringify(texts)) ?? { names: [], texts };
    column.names.push(run.name);
    columns.set(JSON.stringify(texts), column);
  }
  const all = [...columns.values()];
  const headings = all.map(({ names }) =>
    names.length > MOST_NAMES ? `${names.length} runs, the first ${names[0]}` : names.join(', '),
  );
  const isSame = all.length === 1;
  return table(
    isSame && runs.length > 1 ? 'The same in all runs' : headings.join('; '),
    ['Fact', ...(isSame ? ['Value'] : headings)],
    keys.map((key, row) => [key, ...all.map(({ texts }) => texts[row]!)]),
  );
}

function describe(key: string, value: unknown): string {
  if (value === undefined || value === null) return '–';
  if (key === 'bytes' && typeof value === 'number') return formatBytes(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
