import type { PredictedFields } from '../../training/predicted/record.ts';
import { type ColorMap, divergingColors, sequentialColors } from '../color-maps.ts';
import { formatNumber } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { encodePng } from '../png.ts';
import { type DrawnFrame, stepInWords } from './frames.ts';
import { beyond, evenScale, type Scale, sharedScale } from './scale.ts';

/** Maps much longer than wide, or wider than long, than this are drawn as if they had this shape. */
const mostStretched = 3;

/** A row of maps, one for each time step. */
interface MapRow {
  readonly name: string;
  readonly of: (frame: DrawnFrame) => Float64Array | undefined;
  readonly colors: ColorMap;
  readonly scale: Scale;
  /** Absent where the row above has the same. */
  readonly bar?: 'sequential' | 'diverging';
}

/** A channel of a sample in two dimensions: maps of true, predicted and error by time step. */
export function fieldMaps(record: PredictedFields, frames: readonly DrawnFrame[], channel: string): Markup {
  const [truth, predicted, errors] = [
    frames.flatMap((frame) => frame.truth ?? []),
    frames.map((frame) => frame.predicted),
    frames.flatMap((frame) => frame.error ?? []),
  ];
  const shared = { colors: sequentialColors, scale: sharedScale(truth, predicted) };
  const rows: MapRow[] = [
    ...(truth.length > 0 ? [{ name: 'True', of: ({ truth: of }: DrawnFrame) => of, ...shared }] : []),
    { name: 'Predicted', of: ({ predicted: of }) => of, ...shared, bar: 'sequential' },
    ...(errors.length > 0
      ? [
          {
            name: 'Error: predicted − true',
            of: ({ error }: DrawnFrame) => error,
            colors: divergingColors,
            scale: evenScale(errors),
            bar: 'diverging' as const,
          },
        ]
      : []),
  ];
  return html`<div class="maps" style="grid-template-columns: repeat(${frames.length}, 1fr)">${rows.map(
    ({ name, of, colors, scale, bar }) =>
      html`<div class="head">${name}${bar ? colorBar(bar, scale, beyond(scale, predicted)) : null}</div>${frames.map(
        (frame) => {
          const step = stepInWords(frame, record);
          return mapImage(
            record,
            of(frame)!,
            { colors, scale },
            `${channel}, ${name.toLowerCase()}${step ? `, ${step}` : ''}`,
          );
        },
      )}`,
  )}${frames.map((frame) => html`<div class="step">${stepInWords(frame, record)}</div>`)}</div>`;
}

function colorBar(kind: 'sequential' | 'diverging', { low, high }: Scale, out: ReturnType<typeof beyond>): Markup {
  const isShared = kind === 'sequential';
  const below = isShared && out.below ? '≤ ' : '';
  const above = isShared && out.above ? '≥ ' : '';
  return html`<span class="bar">${below}${formatNumber(low, 3)}<span class="${kind}"></span>${above}${formatNumber(high, 3)}</span>`;
}

/** Values with x to the right and y upwards. */
function mapImage(
  { drawn, axes }: PredictedFields,
  values: Float64Array,
  { colors, scale: { low, high } }: { readonly colors: ColorMap; readonly scale: Scale },
  label: string,
): Markup {
  const [width, height] = drawn as [number, number];
  const pixels = Uint8Array.from({ length: width * height }, (_, pixel) => {
    const value = values[(pixel % width) * height + (height - 1 - Math.floor(pixel / width))]!;
    if (Number.isNaN(value)) return 0;
    const part = Math.max(0, Math.min(1, (value - low) / (high - low)));
    return 1 + Math.round(part * (colors.length - 1));
  });
  const source = `data:image/png;base64,${encodePng(pixels, width, colors).toString('base64')}`;
  const finite = values.filter((value) => !Number.isNaN(value));
  const range =
    finite.length > 0
      ? `${formatNumber(
          finite.reduce((a, b) => Math.min(a, b)),
          3,
        )} to ${formatNumber(
          finite.reduce((a, b) => Math.max(a, b)),
          3,
        )}`
      : 'no finite value';
  return html`<img src="${source}" width="${width}" height="${height}" style="aspect-ratio: ${formatNumber(aspectOf(axes), 3)}" alt="${label}: ${range}">`;
}

/** Width over height of space, or of the points where the coordinates don't tell. */
function aspectOf(axes: PredictedFields['axes']): number {
  const [x, y] = axes as [PredictedFields['axes'][number], PredictedFields['axes'][number]];
  const ratio = Math.abs(x.to - x.from) / Math.abs(y.to - y.from);
  const aspect = ratio > 0 && Number.isFinite(ratio) ? ratio : x.points / y.points;
  return Math.min(mostStretched, Math.max(1 / mostStretched, aspect));
}
