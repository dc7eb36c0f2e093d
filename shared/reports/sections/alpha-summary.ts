import type { SpectraReport } from '../../spectra/spectrum.ts';
import { curvePlot } from '../curves.ts';
import { figure } from '../figure.ts';
import { curvesCaption, groupCurves, groupLabels } from '../group-curves.ts';
import { html } from '../html.ts';
import { legend } from '../palette.ts';
import type { RunReport } from '../report-input.ts';
import { analysedEpochs } from '../runs.ts';
import type { Section } from '../section.ts';

const SIZE = { width: 530, height: 250 };

/** Mean of alpha over layers by epoch, with a band of one standard deviation, as an SVG string. */
export function alphaMeanCurve(runs: readonly RunReport[]): string | null {
  return curvePlot(
    groupCurves(runs, (run) =>
      analysedEpochs(run).map(({ epoch, spectra: { summary } }) => ({
        x: epoch,
        y: summary.alphaMean,
        band: bandOf(summary),
      })),
    ),
    { label: 'Mean of alpha over layers by epoch', axis: 'mean alpha', ...SIZE },
  );
}

/** Standard deviation of alpha over layers by epoch as an SVG string. */
export function alphaSpreadCurve(runs: readonly RunReport[]): string | null {
  return curvePlot(
    groupCurves(runs, (run) =>
      analysedEpochs(run).map(({ epoch, spectra }) => ({ x: epoch, y: spectra.summary.alphaStd })),
    ),
    { label: 'Standard deviation of alpha over layers by epoch', axis: 'spread of alpha', ...SIZE },
  );
}

const bandOf = ({ alphaMean: mean, alphaStd: std }: SpectraReport['summary']) =>
  mean === null || std === null ? null : ([mean - std, mean + std] as const);

export const alphaSummarySection: Section = {
  name: 'alpha-summary',
  title: 'Are the layers evenly trained?',
  howToRead:
    'The spread is the standard deviation of alpha over layers: a falling curve means that the layers grow more alike in how well they are trained, which is what balancing aims at; it is a sign, not a proof, of a better model.',
  render({ runs }) {
    const mean = alphaMeanCurve(runs);
    const spread = alphaSpreadCurve(runs);
    if (!mean || !spread) return null;
    return html`${legend(groupLabels(runs))}<div class="multiples">${figure(
      mean,
      `Mean of alpha over layers${curvesCaption(runs) || ', band of one standard deviation'}`,
    )}${figure(spread, `Spread of alpha over layers${curvesCaption(runs)}`)}</div>`;
  },
};
