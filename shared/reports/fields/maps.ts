import type { PredictedFields } from '../../training/predicted/record.ts';
import { divergingColors, sequentialColors } from '../color-maps.ts';
import { formatNumber } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { encodePng } from '../png.ts';
import { type DrawnFrame, stepInWords } from './frames.ts';
import { beyond, evenScale, type Scale, sharedScale } from './scale.ts';

/** Maps much longer than wide, or wider than long, than this are drawn as if they had this shape. */
const mostStretched = 3;

/** How far predictions widen the scale of colours beyond the true values, on either side, as a part of its width. */
const mostBeyond = 0.25;

/** A map of each frame: true, predicted or error. */
interface Kind {
  readonly name: string;
  readonly of: (frame: DrawnFrame) => Float64Array | undefined;
  readonly colors: 'sequential' | 'diverging';
  readonly scale: Scale;
}

const colorMaps = { sequential: sequentialColors, diverging: divergingColors } as const;

/** A channel of a sample in two dimensions: a row of maps for each of true, predicted and error, or these side by side where there is one time step. */
export function fieldMaps(record: PredictedFields, frames: readonly DrawnFrame[], channel: string): Markup {
  const kinds = kindsOf(frames);
  const predicted = frames.map((frame) => frame.predicted);
  const head = ({ name, colors, scale }: Kind) =>
    html`<div class="head">${name} ${colorBar(colors, scale, colors === 'diverging' ? {} : beyond(scale, predicted))}</div>`;
  const image = (kind: Kind, frame: DrawnFrame) => {
    const label = [channel, kind.name.toLowerCase(), stepInWords(frame, record)].filter(Boolean).join(', ');
    return mapImage(record, kind.of(frame)!, kind, label);
  };
  const grid = (columns: number, content: readonly Markup[]) =>
    html`<div class="maps" style="grid-template-columns: repeat(${columns}, 1fr)">${content}</div>`;
  const [only, ...others] = frames;
  if (only && others.length === 0)
    return grid(kinds.length, [...kinds.map(head), ...kinds.map((kind) => image(kind, only))]);
  return grid(frames.length, [
    ...kinds.flatMap((kind) => [
      html`<div class="row">${head(kind)}</div>`,
      ...frames.map((frame) => image(kind, frame)),
    ]),
    ...frames.map((frame) => html`<div class="step">${stepInWords(frame, record)}</div>`),
  ]);
}

function kindsOf(frames: readonly DrawnFrame[]): Kind[] {
  const truths = frames.flatMap(({ truth = [] }) => truth);
  const errors = frames.flatMap(({ error = [] }) => error);
  const predicted = frames.map((frame) => frame.predicted);
  const shared = { colors: 'sequential' as const, scale: sharedScale(truths, predicted, mostBeyond) };
  return [
    ...(truths.length > 0 ? [{ name: 'True', of: ({ truth }: DrawnFrame) => truth, ...shared }] : []),
    { name: 'Predicted', of: (frame) => frame.predicted, ...shared },
    ...(errors.length > 0
      ? [
          {
            name: 'Error',
            of: ({ error }: DrawnFrame) => error,
            colors: 'diverging' as const,
            scale: evenScale(errors),
          },
        ]
      : []),
  ];
}

/** The colours with the values at their ends; a sign tells where others lie beyond. */
function colorBar(
  colors: Kind['colors'],
  { low, high }: Scale,
  { below = false, above = false }: { readonly below?: boolean; readonly above?: boolean },
): Markup {
  return html`<span class="bar">${below ? '≤ ' : ''}${formatNumber(low, 3)}<span class="${colors}"></span>${above ? '≥ ' : ''}${formatNumber(high, 3)}</span>`;
}

/** Values with x to the right and y upwards. */
function mapImage(
  { drawn, axes }: PredictedFields,
  values: Float64Array,
  { colors: kind, scale: { low, high } }: Pick<Kind, 'colors' | 'scale'>,
  label: string,
): Markup {
  const colors = colorMaps[kind];
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
