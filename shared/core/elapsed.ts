/** Seconds between two moments; 0 where the clock was set back in between. */
export function elapsedSeconds(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime()) / 1000;
}
