/** Counts, numbers and changes of a metric as words. */
import type { ChangeUnit } from './statistics/change.ts';

/** A number with so many decimals; `–` for none. */
export function formatFixed(value: number | null | undefined, decimals = 2): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : minus(value.toFixed(decimals));
}

/** `a, b and c`, or with another word before the last. */
export function formatList(names: readonly string[], conjunction: 'and' | 'or' = 'and'): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${conjunction} ${names.at(-1)}`;
}

/** `1 layer`, `3 layers` */
export const formatCount = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const unitWords = { points: 'percentage points', percent: '%' } as const satisfies Record<ChangeUnit, string>;

/** `1.0 %`, `0.25 percentage points`: an amount that a user has set, with all its digits. */
export function formatAmount(amount: number, unit: ChangeUnit): string {
  const digits = Number(amount.toPrecision(12));
  return `${Number(digits.toFixed(1)) === digits ? digits.toFixed(1) : digits} ${unitWords[unit]}`;
}

/** `12.3 % lower`, `4.0 percentage points higher` or `unchanged`. */
export function formatChange(change: number | null, unit: ChangeUnit = 'percent'): string {
  if (change === null) return '–';
  const size = Math.abs(change);
  if (size === 0) return 'unchanged';
  const text = size < 0.05 ? 'less than 0.1' : size.toFixed(1);
  return `${text} ${unitWords[unit]} ${change < 0 ? 'lower' : 'higher'}`;
}

/** `−1.2 to +3.4 %`: between which changes one lies. */
export function formatInterval([low, high]: readonly [number, number], unit: ChangeUnit): string {
  return `${formatBounds([low, high])} ${unitWords[unit]}`;
}

/** `−1.2 to +3.4` */
export function formatBounds([low, high]: readonly [number, number]): string {
  const decimals = Math.max(Math.abs(low), Math.abs(high)) < 1 ? 2 : 1;
  return `${formatSigned(low, decimals)} to ${formatSigned(high, decimals)}`;
}

/** `+1.20`, `−0.35`, `0.00` */
export function formatSigned(value: number, decimals: number): string {
  const text = formatFixed(value, decimals);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text.replace(/^−(?=0(?:\.0*)?$)/, '');
}

/** With a minus sign instead of a hyphen. */
export function minus(text: string): string {
  return text.replaceAll('-', '−');
}

/** `812 bytes`, `4.2 kB`, `1.3 MB` */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}
