/** Whole epoch numbers to label on an axis from first to last: about so many, at round steps. */
export function epochTicks(first: number, last: number, about = 10): number[] {
  const span = last - first;
  const steps = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000];
  const step = steps.find((candidate) => span / candidate <= about) ?? Math.ceil(span / about);
  const ticks: number[] = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last; tick += step) ticks.push(tick);
  return ticks;
}
