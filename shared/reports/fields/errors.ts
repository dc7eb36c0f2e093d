import { type Measure, measures } from '../../training/predicted/errors.ts';
import type { PredictedFields } from '../../training/predicted/record.ts';
import { type Curve, type CurvePoint, curvePlot } from '../curves.ts';
import { figure } from '../figure.ts';
import { html, type Markup } from '../html.ts';
import { legend } from '../palette.ts';

/** Mean error over the samples by step of the roll-out, with a band from the smallest to the largest; none where no error is known. */
export const errorPoints = ({ errors }: PredictedFields, measure: Measure): CurvePoint[] =>
  (errors?.steps ?? []).map((step, index) => {
    const { mean, lowest, highest } = errors![measure];
    const [low, high] = [lowest[index] ?? null, highest[index] ?? null];
    return { x: step, y: mean[index] ?? null, band: low === null || high === null ? null : [low, high] };
  });

/** Errors against time, one plot for each measure; null of what has no roll-out, or no error that is a number. */
export function errorPlots(
  curvesOf: (measure: Measure) => readonly Curve[],
  options: { readonly of: string; readonly caption: string; readonly names: readonly string[] },
): Markup | null {
  const plots = measures.flatMap((measure) => {
    const curves = curvesOf(measure);
    if (!curves.some(({ points }) => points.length > 1)) return [];
    const svg = curvePlot(curves, {
      label: `${measure} on the ${options.of} against the step of the roll-out: ${options.names.join(', ')}`,
      axis: measure,
      along: 'step of the roll-out',
      width: 530,
      height: 260,
      logarithmic: true,
    });
    return svg ? [figure(svg, `${measure} against time: ${options.caption}`)] : [];
  });
  return plots.length > 0 ? html`${legend(options.names)}<div class="multiples">${plots}</div>` : null;
}

/** Errors against time of one record: over all channels, and of each channel. */
export function errorsAgainstTime(record: PredictedFields, of: string): Markup | null {
  const { errors, channels, channelCount } = record;
  if (!errors) return null;
  const single = channelCount === 1;
  const names = single ? [channels[0]!] : [`all ${channelCount} channels`, ...channels];
  const curves = (measure: Measure): Curve[] => [
    { name: names[0]!, index: 0, points: errorPoints(record, measure) },
    ...(single
      ? []
      : errors.byChannel.map((channel, index) => ({
          name: channels[index]!,
          index: index + 1,
          points: errors.steps.map((step, at) => ({ x: step, y: channel[measure][at] ?? null })),
        }))),
  ];
  const band =
    record.samples > 1
      ? `mean over ${record.samples} samples, band from the smallest to the largest`
      : 'of the one sample';
  return errorPlots(curves, { of, caption: single || record.samples === 1 ? band : `${band}, of all channels`, names });
}
