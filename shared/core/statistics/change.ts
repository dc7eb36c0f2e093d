/** What changes of a metric are told in: those of a share in percentage points, those of anything else in per cent of what it was. */
export type ChangeUnit = 'points' | 'percent';

/** A difference in the unit, from `reference` on; null where the reference is 0 and the unit is per cent. */
export function changeOf(difference: number, reference: number, unit: ChangeUnit): number | null {
  if (unit === 'points') return 100 * difference;
  return reference === 0 ? null : (100 * difference) / Math.abs(reference);
}
