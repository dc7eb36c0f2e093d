import { table } from '../figure.ts';
import { formatNumber } from '../format.ts';
import type { Section } from '../section.ts';

export const testSection: Section = {
  name: 'test',
  title: 'Test metrics',
  howToRead:
    'Error or score on test data, on which a model was neither trained nor chosen: of the best epoch by the validation data, and of the last.',
  render({ runs }) {
    const rows = runs.flatMap(({ name, test, dataset }) => {
      if (!test) return [];
      const { best, last } = test;
      return Object.keys(last.metrics).map((metric) => [
        name,
        metric,
        best ? `${formatNumber(best.metrics[metric] ?? null)} (epoch ${best.epoch})` : '–',
        `${formatNumber(last.metrics[metric] ?? null)} (epoch ${last.epoch})`,
        String(dataset.testSamples ?? '–'),
      ]);
    });
    if (rows.length === 0) return null;
    return table('On the test data', ['Run', 'Metric', 'Best epoch', 'Last epoch', 'Rows'], rows, [2, 3, 4]);
  },
};
