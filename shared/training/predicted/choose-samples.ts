import type { Measure } from './errors.ts';
import type { PredictedSample } from './record.ts';

/** Samples that the one shown for the median is chosen from: those that come first. */
const candidates = 64;

/** A sample that may be shown, by its position among all. */
export interface Candidate extends Omit<PredictedSample, 'choice' | Measure> {
  readonly position: number;
  readonly errors: Readonly<Record<Measure, number>>;
}

/** Chooses samples to show while they pass by. */
export interface SampleChoice {
  /** @param make makes the sample's frames, and is called only where it may be shown. */
  add(errors: Candidate['errors'], make: () => Candidate): void;
  /**
   * Those of the smallest, the median and the largest error among all, as far as there are so many.
   * @param all errors of all samples, by this measure
   */
  chosen(measure: Measure, all: readonly number[]): (Candidate & Pick<PredictedSample, 'choice'>)[];
}

/** An error for comparison: what is not a number is the largest. */
const ranked = (error: number) => (Number.isFinite(error) ? error : Number.POSITIVE_INFINITY);

/** @param measures by which samples may be chosen when all are known. */
export function chooseSamples(measures: readonly Measure[]): SampleChoice {
  const first: Candidate[] = [];
  const best = new Map<Measure, Candidate>();
  const worst = new Map<Measure, Candidate>();
  const rankOf = (candidate: Candidate | undefined, measure: Measure) => candidate && ranked(candidate.errors[measure]);
  return {
    add(errors, make) {
      let made: Candidate | undefined;
      const candidate = () => {
        made ??= make();
        return made;
      };
      if (first.length < candidates) first.push(candidate());
      for (const measure of measures) {
        const error = ranked(errors[measure]);
        const [lowest, highest] = [rankOf(best.get(measure), measure), rankOf(worst.get(measure), measure)];
        if (lowest === undefined || error < lowest) best.set(measure, candidate());
        if (highest === undefined || error >= highest) worst.set(measure, candidate());
      }
    },
    chosen(measure, all) {
      const [lowest, highest] = [best.get(measure), worst.get(measure)];
      if (!lowest || !highest) return [];
      if (lowest.position === highest.position) return [{ ...lowest, choice: 'only' }];
      const middle = all.map(ranked).toSorted((a, b) => a - b)[Math.floor((all.length - 1) / 2)]!;
      const distance = (candidate: Candidate) => {
        const error = ranked(candidate.errors[measure]);
        return error === middle ? 0 : Math.abs(error - middle);
      };
      const others = first.filter(({ position }) => position !== lowest.position && position !== highest.position);
      const median = others.length > 0 ? [others.reduce((a, b) => (distance(b) < distance(a) ? b : a))] : [];
      return [
        { ...lowest, choice: 'best' },
        ...median.map((candidate) => ({ ...candidate, choice: 'median' as const })),
        { ...highest, choice: 'worst' },
      ];
    },
  };
}
