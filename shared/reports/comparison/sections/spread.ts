import { figure, table } from '../../figure.ts';
import { formatFixed } from '../../format.ts';
import { html } from '../../html.ts';
import type { Section } from '../../section.ts';
import { armCell, bySize } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { meanSpread, spreadPlot } from '../spread-plot.ts';
import { armsAt } from '../summary.ts';
import { formatSize } from '../words.ts';

export const spreadSection: Section<ComparisonResult> = {
  name: 'spread',
  title: 'Spread of alpha',
  howToRead:
    'How far the layers’ alphas lie apart: their standard deviation over layers at the first analysis (grey ring) and at the last (filled mark), mean of the test seeds; thin lines are single seeds at the last. Balancing is meant to bring layers together, that is, to move to the left. Runs that measure no spectra are left out.',
  render(result) {
    const { design } = result;
    return bySize(design, formatSize, (size) => {
      const summaries = armsAt(result, size);
      const svg = spreadPlot(design, summaries);
      if (!svg) return null;
      const rows = summaries.flatMap((summary) => {
        const spread = meanSpread(summary);
        if (!spread) return [];
        const { first, last, seeds } = spread;
        const change = `${last > first ? '+' : ''}${formatFixed(last - first)}`;
        return [[armCell(design, summary.arm.name), String(seeds), formatFixed(first), formatFixed(last), change]];
      });
      return html`${figure(svg, 'Spread of alpha before and after training')}<details><summary>The numbers</summary>${table(
        'Mean over the test seeds that have both',
        ['Arm', 'Seeds', 'First', 'Last', 'Change'],
        rows,
        [1, 2, 3, 4],
      )}</details>`;
    });
  },
};
