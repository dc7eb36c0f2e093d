import { tickText } from '../../curves.ts';
import { figure } from '../../figure.ts';
import { formatMetric } from '../../format.ts';
import { html } from '../../html.ts';
import type { Section } from '../../section.ts';
import { meanOfRow, stripRows } from '../../strip-plot.ts';
import { bySize, styleOfArm } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { type ArmSummary, armsAt, changesOf } from '../summary.ts';
import { formatSignedChange, formatSize, unitSymbols, unitWords } from '../words.ts';

export const seedsSection: Section<ComparisonResult> = {
  name: 'seeds',
  title: 'Test seeds',
  howToRead:
    'A mark is a test run of one seed; the line is the mean and the bar its 95 % interval, cut where it goes far beyond the marks. The second figure takes each seed’s change from the reference with the same seed, so what makes all runs of a seed better or worse is gone from it; changes within the shaded band are too small to matter.',
  render(result) {
    return bySize(result.design, formatSize, (size) => {
      const summaries = armsAt(result, size);
      const values = valuesPlot(result, summaries, size);
      const changes = changesPlot(result, summaries, size);
      if (!values) return null;
      const { metric } = result.design;
      return html`${figure(values, `${metric.name} on test data of every test seed`)}${
        changes && figure(changes, `Change from “${result.design.reference}” with the same seed`)
      }`;
    });
  },
};

/** A mark for the value of every test seed, a row per arm, as an SVG string; null without any. */
function valuesPlot(
  { design }: ComparisonResult,
  summaries: readonly ArmSummary[],
  size: number | null,
): string | null {
  const { metric, unit } = design;
  const style = styleOfArm(design);
  const format = (value: number) => formatMetric(value, unit);
  return stripRows(
    summaries.map(({ arm: { name }, values, mean, interval }) => ({
      label: name,
      style: style(name),
      values: values.map(({ seed, value, hasDiverged }) => ({
        value,
        title: `${name}, seed ${seed}: ${format(value)}${hasDiverged ? ', diverged' : ''}`,
      })),
      mean: mean === null || !interval ? null : meanOfRow(name, mean, interval, format),
    })),
    {
      label: `${metric.name} on test data of every test seed, by arm, ${formatSize(size)}`,
      axis: `${metric.name} on test data (${metric.direction} is better)`,
      tick: unit === 'points' ? format : tickText,
    },
  );
}

/** A mark for the change of every test seed from the reference, a row per arm, as an SVG string; null without any. */
function changesPlot(
  { design }: ComparisonResult,
  summaries: readonly ArmSummary[],
  size: number | null,
): string | null {
  const { unit, metric, smallestEffect } = design;
  const reference = summaries.find(({ isReference }) => isReference);
  if (!reference) return null;
  const style = styleOfArm(design);
  const format = (change: number) => `${formatSignedChange(change)} ${unitSymbols[unit]}`;
  return stripRows(
    summaries.flatMap((summary) => {
      const { arm, finding, isReference } = summary;
      if (isReference) return [];
      const { name } = arm;
      return [
        {
          label: name,
          style: style(name),
          values: changesOf(summary, reference, unit).map(({ seed, change }) => ({
            value: change,
            title: `${name}, seed ${seed}: ${format(change)}`,
          })),
          mean:
            finding?.interval && finding.change !== null
              ? meanOfRow(name, finding.change, finding.interval, format)
              : null,
        },
      ];
    }),
    {
      label: `Change of ${metric.name} from ${design.reference} with the same seed, by arm, ${formatSize(size)}`,
      axis: `change from ${design.reference} in ${unitWords[unit]} (${metric.direction} is better)`,
      tick: (change) => `${change > 0 ? '+' : ''}${tickText(change)}`,
      line: 0,
      ...(smallestEffect > 0 ? { shade: [-smallestEffect, smallestEffect] as const } : {}),
    },
  );
}
