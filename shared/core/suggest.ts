import { closest, distance } from 'fastest-levenshtein';

/** `did you mean "x"?` for the nearest candidate, or an empty string when none is near. */
export function didYouMean(given: string, candidates: readonly string[]): string {
  if (candidates.length === 0) return '';
  const nearest = closest(given.toLowerCase(), candidates as string[]);
  const near = distance(given.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, Math.floor(nearest.length / 3));
  return near && distance(given.toLowerCase(), nearest.toLowerCase()) < given.length
    ? `did you mean "${nearest}"?`
    : '';
}
