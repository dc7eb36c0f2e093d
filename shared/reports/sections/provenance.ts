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
    return html`${told.map(({ name, history }) =>
      table(
        name,
        ['Time', 'Event'],
        history.map(({ at, what }) => [at, what]),
      ),
    )}`;
  },
};

/** A table of what each run says, a column per run, or one column where all say the same. */
function facts(runs: readonly RunReport[], of: (run: RunReport) => Readonly<Record<string, unknown>>): Markup | null {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(of(run))))];
  if (keys.length === 0) return null;
  const text = (run: RunReport, key: string) => describe(key, of(run)[key]);
  const same = keys.every((key) => new Set(runs.map((run) => text(run, key))).size === 1);
  const columns = same ? runs.slice(0, 1) : runs;
  return table(
    same && runs.length > 1 ? 'The same in all runs' : columns.map(({ name }) => name).join(', '),
    ['', ...columns.map(({ name }) => (same ? 'Value' : name))],
    keys.map((key) => [key, ...columns.map((run) => text(run, key))]),
  );
}

function describe(key: string, value: unknown): string {
  if (value === undefined || value === null) return '–';
  if (key === 'bytes' && typeof value === 'number') return formatBytes(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
