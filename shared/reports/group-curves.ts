import { mean } from '../core/statistics/sample.ts';
import type { Curve, CurvePoint } from './curves.ts';
import { formatCount } from './format.ts';
import { firstOfEachSeed, groupRuns } from './groups.ts';
import type { RunReport } from './report-input.ts';
import { finite } from './runs.ts';

/** More groups than these are drawn without what is finer than a value per epoch. */
const MOST_WITH_BACKGROUND = 3;

/**
 * A curve for every group of runs: of a single run its own, of several the mean of their seeds at every epoch with a band from the smallest to
 * the largest.
 * @param pointsOf the curve of a run
 * @param finer what only the curve of a single run has
 */
export function groupCurves(
  runs: readonly RunReport[],
  pointsOf: (run: RunReport) => CurvePoint[],
  finer: (run: RunReport) => Pick<Curve, 'background' | 'marked'> = () => ({}),
): Curve[] {
  const { groups } = groupRuns(runs);
  const isRepeated = groups.some((group) => firstOfEachSeed(group).length > 1);
  return groups.map((group, index) => {
    const seeds = firstOfEachSeed(group);
    const named = { name: group.label, index };
    if (seeds.length > 1) return { ...named, points: meanPoints(seeds.map(pointsOf)) };
    const { background = [], marked = null } = finer(seeds[0]!);
    const points = pointsOf(seeds[0]!);
    // A band of a single run is of another kind than that of seeds.
    return {
      ...named,
      points: isRepeated ? points.map(({ x, y }) => ({ x, y })) : points,
      ...(groups.length > MOST_WITH_BACKGROUND ? {} : { background }),
      marked,
    };
  });
}

/** What the curves of these runs are, for a caption; empty where every curve is of a single run. */
export function curvesCaption(runs: readonly RunReport[]): string {
  const isRepeated = groupRuns(runs).groups.some((group) => firstOfEachSeed(group).length > 1);
  return isRepeated ? '; mean of the seeds that went so far, band from the smallest to the largest' : '';
}

/** Labels of the groups, for a legend. */
export const groupLabels = (runs: readonly RunReport[]): string[] => groupRuns(runs).groups.map(({ label }) => label);

function meanPoints(curves: readonly (readonly CurvePoint[])[]): CurvePoint[] {
  const values = new Map<number, number[]>();
  for (const { x, y } of curves.flat()) {
    const found = values.get(x) ?? [];
    if (finite(y) !== null) found.push(y!);
    values.set(x, found);
  }
  return [...values]
    .sort(([a], [b]) => a - b)
    .map(([x, found]) =>
      found.length === 0
        ? { x, y: null }
        : {
            x,
            y: mean(found),
            band: [Math.min(...found), Math.max(...found)] as const,
            remark: `mean of ${formatCount(found.length, 'seed')}`,
          },
    );
}
