import { formatFixed, minus } from '../core/format.ts';
import type { ChangeUnit } from '../core/statistics/change.ts';

export {
  formatBounds,
  formatBytes,
  formatChange,
  formatCount,
  formatFixed,
  formatInterval,
  formatSigned,
} from '../core/format.ts';

/** A number to so many significant digits, in exponent form only where plain digits would be unreadable; `–` for none. */
export function formatNumber(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return minus(value.toExponential(digits - 1));
  if (size >= 10 ** digits) return minus(String(Math.round(value)));
  return minus(value.toPrecision(digits));
}

/** A share as `81.3 %`, any other metric as a number; `–` for none. */
export function formatMetric(value: number | null | undefined, unit: ChangeUnit): string {
  if (unit === 'percent' || value === null || value === undefined || !Number.isFinite(value))
    return formatNumber(value);
  return `${formatFixed(100 * value, 1)} %`;
}

/** `0.012 USD`, `4.20 USD`; `–` for none, and never less than is visible. */
export function formatUsd(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value > 0 && value < 0.0001) return '< 0.0001 USD';
  return `${value >= 1 || value === 0 ? value.toFixed(2) : Number(value.toPrecision(2))} USD`;
}

/** `48 s`, `3 min 5 s`, `2 h 10 min` */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `0–4, 7`: whole numbers, with runs of neighbours joined. */
export function formatRanges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (const value of sorted) {
    const last = ranges.at(-1);
    if (last && last[1] === value - 1) last[1] = value;
    else ranges.push([value, value]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(', ');
}

/**
 * Short forms of dotted names, no two alike: what all of them begin with is left out. Where some are still too long, so are the words
 * before the number of a block (`encoder.layer.0.query`: `0.query`), and then the middle of names.
 */
export function shortNames(names: readonly string[], longest = 30): Map<string, string> {
  const paths = names.map((name) => name.split('.'));
  const shortest = Math.min(...paths.map((path) => path.length)) - 1;
  let shared = 0;
  while (names.length > 1 && shared < shortest && paths.every((path) => path[shared] === paths[0]![shared])) shared++;
  const own = paths.map((path) => path.slice(shared));
  const isLong = own.some((path) => path.join('.').length > longest);
  const short = shortenApart(
    (isLong ? withoutWordsBeforeNumbers(own) : own).map((path) => path.join('.')),
    longest,
  );
  return new Map(names.map((name, index) => [name, short[index]!]));
}

/** Paths without the words before their first number, where those are the same in all that have one, and paths stay apart. */
function withoutWordsBeforeNumbers(paths: readonly string[][]): string[][] {
  const numberIn = (path: readonly string[]) => path.findIndex((word) => /^\d+$/.test(word));
  const before = paths.flatMap((path) => (numberIn(path) < 0 ? [] : [path.slice(0, numberIn(path)).join('.')]));
  const short = paths.map((path) => path.slice(Math.max(0, numberIn(path))));
  const count = (all: readonly string[][]) => new Set(all.map((path) => path.join('.'))).size;
  return new Set(before).size === 1 && count(short) === count(paths) ? short : [...paths];
}

/** Long names with their middles left out, as far as different ones stay different. */
export function shortenApart(names: readonly string[], longest = 24): string[] {
  const lengths = names.map(() => longest);
  for (;;) {
    const short = names.map((name, index) => shorten(name, lengths[index]));
    const first = new Map<string, string>();
    for (const [index, text] of short.entries()) if (!first.has(text)) first.set(text, names[index]!);
    const alike = new Set(short.filter((text, index) => first.get(text) !== names[index]));
    if (alike.size === 0) return short;
    for (const [index, text] of short.entries()) if (alike.has(text)) lengths[index]! += 2;
  }
}

/** A long name with its middle left out. */
export function shorten(name: string, longest = 24): string {
  if (name.length <= longest) return name;
  const kept = longest - 1;
  return `${name.slice(0, Math.ceil(kept / 2))}…${name.slice(-Math.floor(kept / 2))}`;
}
