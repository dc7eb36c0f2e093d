import { directionOf, type MetricName, metricNames } from '../../training/metrics/names.ts';
import { curvePlot } from '../curves.ts';
import { figure } from '../figure.ts';
import { curvesCaption, groupCurves, groupLabels } from '../group-curves.ts';
import { html } from '../html.ts';
import { legend } from '../palette.ts';
import type { RunReport } from '../report-input.ts';
import { metricOf } from '../runs.ts';
import type { Section } from '../section.ts';

/** Whether a metric is one of distance: a score lies between fixed ends, and may be 0. */
const isError = (metric: string) =>
  !(metricNames as readonly string[]).includes(metric) || directionOf(metric as MetricName) === 'lower';

/** One validation metric over epochs as an SVG string, the best epoch ringed; null without any value. */
export function metricCurve(runs: readonly RunReport[], metric: string, size: 'large' | 'small'): string | null {
  return curvePlot(
    groupCurves(
      runs,
      ({ epochs }) => epochs.map((epoch) => ({ x: epoch.epoch, y: metricOf(epoch, metric) })),
      ({ best, metric: chosen }) => ({
        marked: best && chosen.name === metric ? { x: best.epoch, y: best.value } : null,
      }),
    ),
    {
      label: `${metric} on the validation data over epochs of ${groupLabels(runs).join(', ')}`,
      axis: metric,
      width: size === 'large' ? 1080 : 530,
      height: size === 'large' ? 340 : 230,
      logarithmic: isError(metric),
    },
  );
}

export const metricsSection: Section = {
  name: 'metrics',
  title: 'Validation metrics',
  howToRead:
    'Error or score on data kept out of training; epoch 0 is the model as it came, before any training here, and in the curve of a single run a ring marks the epoch whose weights are kept as best.',
  render({ runs }) {
    const chosen = [...new Set(runs.map(({ metric }) => metric.name))];
    const all = runs.flatMap(({ epochs }) => epochs.flatMap(({ metrics }) => Object.keys(metrics)));
    const others = [...new Set(all)].filter((name) => !chosen.includes(name));
    const draw = (names: readonly string[], size: 'large' | 'small') =>
      names.flatMap((name) => {
        const svg = metricCurve(runs, name, size);
        return svg
          ? [figure(svg, size === 'large' ? `${name}, by which the best epoch is chosen${curvesCaption(runs)}` : name)]
          : [];
      });
    const large = draw(chosen, 'large');
    const small = draw(others, 'small');
    if (large.length + small.length === 0) return null;
    return html`${legend(groupLabels(runs))}${large}<div class="multiples">${small}</div>`;
  },
};
