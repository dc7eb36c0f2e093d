/** From values to places on an axis. */

/** Parts of a range may be smaller than asked for by this factor: too few ticks tell nothing. */
const fewest = 2 / 3;

/**
 * Round values that divide a range into about `count` parts: at most half as many again.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function ticksOf(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((each) => each >= rough * fewest) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/**
 * Powers of ten in a range, with 2 and 5 between them where there are few.
 * @param {number} low
 * @param {number} high
 */
function logTicksOf(low, high) {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, index) => 10 ** (Math.floor(Math.log10(low)) + index),
  );
  const digits = powers.length > 4 ? [1] : powers.length > 2 ? [1, 3] : [1, 2, 3, 5];
  const all = powers.flatMap((power) => digits.map((digit) => Number((digit * power).toPrecision(6))));
  return all.filter((value) => value >= low * 0.999 && value <= high * 1.001);
}

/**
 * An axis over values: linear, or logarithmic where all are above 0 and span more than `mostLinear` times.
 * @param {readonly number[]} values finite ones
 * @param {{ from: number, to: number, ticks: number }} options pixels of the low and the high end, and about how many ticks
 */
export function axisOf(values, { from, to, ticks }, mostLinear = 30) {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 1];
  const isLog = low > 0 && high / low > mostLinear;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 10, high + (Math.abs(high) || 1) / 10];
  else if (!isLog) {
    const room = (high - low) * 0.04;
    [low, high] = [low - room, high + room];
  }
  /** @param {number} value */
  const part = (value) => (isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  return {
    isLog,
    ticks: isLog ? logTicksOf(low, high) : ticksOf(low, high, ticks),
    /** @param {number} value */
    at: (value) => from + (to - from) * part(value),
  };
}
