import { figure } from '../../figure.ts';
import { html } from '../../html.ts';
import type { Section } from '../../section.ts';
import { armLegend } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { sizesPlot } from '../sizes-plot.ts';
import { armsAt } from '../summary.ts';

export const sizesSection: Section<ComparisonResult> = {
  name: 'sizes',
  title: 'Sample efficiency',
  howToRead:
    'How the result on test data depends on the number of training rows: the mean of the test seeds with its 95 % interval. Arms stand a little apart so that their bars can be told from one another. Where intervals overlap, the paired changes in the table of arms may still tell two arms apart.',
  render(result) {
    const { design } = result;
    const svg = sizesPlot(
      design,
      design.sizes.flatMap((size) => armsAt(result, size)),
    );
    if (!svg) return null;
    return html`${armLegend(design)}${figure(svg, `Mean ${design.metric.name} on test data by number of training rows`)}`;
  },
};
