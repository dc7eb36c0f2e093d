import * as Plot from '@observablehq/plot';
import { mean } from '../../core/statistics/sample.ts';
import type { ComparisonDesign } from '../../decisions/comparison/design.ts';
import { formatFixed, shortenApart } from '../format.ts';
import { finite } from '../runs.ts';
import { renderSvg } from '../svg.ts';
import { styleOfArm } from './arms.ts';
import type { ArmSummary } from './summary.ts';

const LONGEST_LABEL = 42;
const ROW = 28;

/** The spread of alpha over layers, averaged over the test runs that have both, before and after training; null without any. */
export function meanSpread({ runs }: ArmSummary): { first: number; last: number; seeds: number } | null {
  const both = runs.flatMap(({ alphaSpread: { first, last } }) =>
    finite(first) === null || finite(last) === null ? [] : [{ first: first!, last: last! }],
  );
  if (both.length === 0) return null;
  return {
    first: mean(both.map(({ first }) => first)),
    last: mean(both.map(({ last }) => last)),
    seeds: both.length,
  };
}

/** From the spread of alpha at the first analysis to that at the last, a row per arm, as an SVG string; null without any. */
export function spreadPlot(design: ComparisonDesign, summaries: readonly ArmSummary[]): string | null {
  const rows = summaries.flatMap((summary) => {
    const spread = meanSpread(summary);
    return spread ? [{ name: summary.arm.name, summary, ...spread }] : [];
  });
  if (rows.length === 0) return null;
  const style = styleOfArm(design);
  const labels = shortenApart(
    rows.map(({ name }) => name),
    LONGEST_LABEL,
  );
  const title = ({ name, first, last }: (typeof rows)[number]) =>
    `${name}: mean spread ${formatFixed(first)} at first, ${formatFixed(last)} at last`;
  return renderSvg({
    ariaLabel: 'Standard deviation of alpha over layers at the first and the last analysis, by arm',
    width: 1080,
    height: 60 + ROW * rows.length,
    marginLeft: 16 + 7 * Math.max(6, ...labels.map(({ length }) => length)),
    marginRight: 24,
    marginTop: 8,
    marginBottom: 44,
    x: {
      label: 'standard deviation of alpha over layers',
      labelAnchor: 'right',
      grid: true,
      nice: true,
      ticks: 8,
      inset: 8,
    },
    y: {
      type: 'band',
      domain: rows.map((_, index) => index),
      label: null,
      tickSize: 0,
      tickFormat: (row: number) => labels[row]!,
    },
    marks: rows.flatMap((row, index) => {
      const { stroke, marker, isHollow } = style(row.name);
      const at = [{ ...row, row: index }];
      const seeds = row.summary.runs.flatMap(({ seed, alphaSpread: { last } }) =>
        finite(last) === null ? [] : [{ row: index, last: last!, seed }],
      );
      return [
        Plot.ruleY(at, { y: 'row', x1: 'first', x2: 'last', stroke, strokeWidth: 2 }),
        Plot.tickX(seeds, {
          x: 'last',
          y: 'row',
          stroke,
          strokeOpacity: 0.5,
          insetTop: 6,
          insetBottom: 6,
          title: ({ seed, last }: { seed: number; last: number }) =>
            `${row.name}, seed ${seed}: ${formatFixed(last)} at last`,
        }),
        Plot.dot(at, {
          x: 'first',
          y: 'row',
          r: 4,
          fill: 'var(--page)',
          stroke: 'var(--before)',
          strokeWidth: 2,
          title,
        }),
        Plot.dot(at, {
          x: 'last',
          y: 'row',
          r: 5,
          symbol: marker,
          fill: isHollow ? 'var(--page)' : stroke,
          ...(isHollow ? { stroke, strokeWidth: 1.5 } : {}),
          title,
        }),
      ];
    }),
  });
}
