import * as Plot from '@observablehq/plot';
import type { PredictedFields } from '../../training/predicted/record.ts';
import { tickText } from '../curves.ts';
import { html, type Markup, trusted } from '../html.ts';
import { renderSvg } from '../svg.ts';
import { type DrawnFrame, stepInWords } from './frames.ts';
import { evenScale, type Scale, sharedScale } from './scale.ts';

const width = 360;

/** How far predictions widen the axis beyond the true values, on either side, as a part of its length. */
const mostBeyond = 1;

/** The styles of lines, also for the legend. */
export const lineStyles = {
  true: { stroke: 'var(--ink)', dash: 'none' },
  predicted: { stroke: 'var(--series-2)', dash: '5 3' },
  error: { stroke: 'var(--series-1)', dash: 'none' },
} as const;

/** A channel of a sample in one dimension: true and predicted as lines, with the error beneath, by time step. */
export function fieldLines(record: PredictedFields, frames: readonly DrawnFrame[], channel: string): Markup {
  const truths = frames.flatMap(({ truth }) => truth ?? []);
  const scale = sharedScale(
    truths,
    frames.map(({ predicted }) => predicted),
    mostBeyond,
  );
  const errorScale = evenScale(frames.flatMap(({ error }) => error ?? []));
  return html`${frames.map((frame) => {
    const { predicted, truth, error } = frame;
    const step = stepInWords(frame, record);
    const told = step ? `, ${step}` : '';
    const drawn = [
      ...(truth ? [{ values: truth, ...lineStyles.true }] : []),
      { values: predicted, ...lineStyles.predicted },
    ];
    const names = truth ? 'true and predicted' : 'predicted';
    return html`<div>${trusted(
      linePlot(record, drawn, { scale, label: `${channel}, ${names}${told}`, axis: step, height: 150 }),
    )}${
      error
        ? trusted(
            linePlot(record, [{ values: error, ...lineStyles.error }], {
              scale: errorScale,
              label: `${channel}, error${told}`,
              axis: 'error',
              height: 104,
              isLast: true,
            }),
          )
        : null
    }</div>`;
  })}`;
}

interface Line {
  readonly values: Float64Array;
  readonly stroke: string;
  readonly dash: string;
}

function linePlot(
  { axes: [axis], block: [block] }: PredictedFields,
  lines: readonly Line[],
  options: {
    readonly scale: Scale;
    readonly label: string;
    readonly axis: string;
    readonly height: number;
    readonly isLast?: boolean;
  },
): string {
  const { points, from, to, name } = axis!;
  const at = (place: number) => {
    const [first, last] = [place * block!, Math.min(points, (place + 1) * block!) - 1];
    return points === 1 ? from : from + ((to - from) * (first + last)) / 2 / (points - 1);
  };
  const { scale, label, height, isLast = false } = options;
  return renderSvg({
    ariaLabel: label,
    width,
    height,
    marginLeft: 56,
    marginRight: 10,
    marginTop: 22,
    marginBottom: isLast ? 32 : 8,
    x: {
      domain: [from, to],
      label: isLast ? name : null,
      labelAnchor: 'right',
      ticks: isLast ? 5 : [],
      tickFormat: tickText,
    },
    y: {
      domain: [scale.low, scale.high],
      clamp: true,
      label: options.axis || null,
      labelArrow: 'none',
      labelAnchor: 'top',
      ticks: isLast ? evenTicks(scale) : 4,
      tickFormat: tickText,
      grid: true,
    },
    marks: lines.map(({ values, stroke, dash }) =>
      Plot.lineY(
        Array.from(values, (value, place) => ({ x: at(place), y: value })),
        { x: 'x', y: 'y', stroke, strokeDasharray: dash, strokeWidth: 1.6 },
      ),
    ),
  });
}

/** A round number below the end of a scale around zero, zero, and its opposite. */
function evenTicks({ high }: Scale): number[] {
  const power = 10 ** Math.floor(Math.log10(high));
  const tick = [5, 2, 1].map((digit) => digit * power).find((candidate) => candidate <= high) ?? power;
  return [-tick, 0, tick];
}
