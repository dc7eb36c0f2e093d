/** Numbers, times and words as they are shown. */

/**
 * A number to four digits; `–` for none.
 * @param {number | null | undefined} value
 */
export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text =
    size >= 1e6 || size < 1e-4
      ? value.toExponential(digits - 1).replace(/\.?0+e/, 'e')
      : size >= 10 ** digits
        ? String(Math.round(value))
        : value.toPrecision(digits);
  return text.replaceAll('-', '−');
}

/** A rate as one writes it: no digits that say nothing. @param {number | null | undefined} value */
export function rate(value) {
  if (value === null || value === undefined) return '–';
  const short = Number(value.toPrecision(3));
  return (value < 1e-3 && value > 0 ? short.toExponential() : String(short)).replaceAll('-', '−');
}

/** A number as a tick of an axis: no digits that say nothing. @param {number} value */
export const tick = (value) => {
  const text =
    Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-4)
      ? value.toExponential(1)
      : String(Number(value.toPrecision(6)));
  return text.replace('.0e', 'e').replaceAll('-', '−');
};

/** `48 s`, `3 min 5 s`, `2 h 10 min` @param {number | null} seconds */
export function duration(seconds) {
  if (seconds === null) return '–';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A time as its reader's clock says it, to the minute; `–` for none. @param {string | null} at */
export function moment(at) {
  if (at === null) return '–';
  const date = new Date(at);
  /** @param {number} part */
  const two = (part) => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** @param {number | null} value */
export const usd = (value) =>
  value === null ? '–' : `${value >= 1 || value === 0 ? value.toFixed(2) : Number(value.toPrecision(2))} USD`;

/** `1 run`, `3 runs` @param {number} count @param {string} what */
export const counted = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`;

/** @param {{ epoch: number | null, epochs: number | null }} line */
export const epochOf = ({ epoch, epochs }) => `${epoch ?? '–'}/${epochs ?? '–'}`;
