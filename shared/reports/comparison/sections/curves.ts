import { type Curve, curvePlot } from '../../curves.ts';
import { figure } from '../../figure.ts';
import { formatCount } from '../../format.ts';
import { html, type Markup } from '../../html.ts';
import type { Section } from '../../section.ts';
import { armLegend, bySize, styleOfArm } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { armsAt, medianCurve } from '../summary.ts';
import { formatSize } from '../words.ts';

/** More arms than these are drawn one by one, each with the reference. */
const MOST_TOGETHER = 4;

export const curvesSection: Section<ComparisonResult> = {
  name: 'curves',
  title: 'Curves of the test runs',
  howToRead:
    'The metric on validation data after every epoch; epoch 0 is the model before training. The line is the median of the test seeds that went so far, the band the middle half of them (from the lower to the upper quartile).',
  render(result) {
    const { design } = result;
    const content = bySize(design, formatSize, (size) => curvesAt(result, size));
    return content && html`${armLegend(design)}${content}`;
  },
};

function curvesAt(result: ComparisonResult, size: number | null): Markup | null {
  const { design } = result;
  const style = styleOfArm(design);
  const curves = armsAt(result, size).flatMap(
    ({ arm: { name }, runs, isReference }, index): (Curve & { isReference: boolean })[] => {
      const points = medianCurve(runs).map(({ epoch, median, middle, seeds }) => ({
        x: epoch,
        y: median,
        band: middle,
        remark: `median of ${formatCount(seeds, 'seed')}`,
      }));
      return points.some(({ y }) => y !== null) ? [{ name, index, style: style(name), points, isReference }] : [];
    },
  );
  if (curves.length === 0) return null;
  const { name, direction } = design.metric;
  const values = curves.flatMap(({ points }) => points.flatMap(({ y, band }) => [y, ...(band ?? [])]));
  const known = values.filter((value) => value !== null);
  const range = [Math.min(...known), Math.max(...known)] as const;
  const draw = (shown: readonly Curve[], isLarge: boolean) =>
    curvePlot(shown, {
      label: `${name} on validation data over epochs of ${shown.map((curve) => curve.name).join(' and ')}, ${formatSize(size)}`,
      axis: name,
      width: isLarge ? 1080 : 530,
      height: isLarge ? 340 : 230,
      logarithmic: direction === 'lower',
      range,
    })!;
  if (curves.length <= MOST_TOGETHER) return figure(draw(curves, true), `${name} on validation data by epoch`);
  const reference = curves.filter(({ isReference }) => isReference);
  return html`<div class="multiples">${curves
    .filter(({ isReference }) => !isReference)
    .map((curve) =>
      figure(
        draw([...reference, curve], false),
        reference.length > 0 ? `${curve.name}, and ${reference[0]!.name} in grey` : curve.name,
      ),
    )}</div>`;
}
