import { curvePlot } from '../curves.ts';
import { figure } from '../figure.ts';
import { curvesCaption, groupCurves, groupLabels } from '../group-curves.ts';
import { html } from '../html.ts';
import { legend } from '../palette.ts';
import type { RunReport } from '../report-input.ts';
import type { Section } from '../section.ts';

/** Training loss over epochs, single steps behind it, as an SVG string; null without any loss. */
export function lossCurve(runs: readonly RunReport[]): string | null {
  return curvePlot(
    groupCurves(
      runs,
      ({ epochs }) =>
        epochs.filter(({ epoch }) => epoch > 0).map(({ epoch, trainLoss }) => ({ x: epoch, y: trainLoss })),
      ({ epochs }) => ({
        background: epochs.flatMap(({ epoch, losses = [] }) =>
          losses.length < 2 ? [] : losses.map((y, step) => ({ x: epoch - 1 + (step + 1) / losses.length, y })),
        ),
      }),
    ),
    {
      label: `Training loss over epochs of ${groupLabels(runs).join(', ')}`,
      axis: 'training loss',
      width: 1080,
      height: 300,
      logarithmic: true,
    },
  );
}

export const lossSection: Section = {
  name: 'loss',
  title: 'Training loss',
  howToRead:
    'How far the model is from its training data, averaged over each epoch (faint lines: single steps); it should fall, and says nothing yet about data the model has not seen.',
  render({ runs }) {
    const svg = lossCurve(runs);
    return svg
      ? html`${legend(groupLabels(runs))}${figure(svg, `Training loss by epoch${curvesCaption(runs)}`)}`
      : null;
  },
};
