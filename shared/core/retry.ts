/** How often something is tried, and how long is waited in between. */
export interface RetrySettings {
  /** Tries in all, the first among them. */
  readonly tries: number;
  /** Longest wait before the second try, in milliseconds; it doubles from try to try. */
  readonly firstWaitMs: number;
  /** No wait is longer, in milliseconds. */
  readonly longestWaitMs: number;
  sleep(milliseconds: number): Promise<unknown>;
  /** Uniform in [0, 1). */
  random(): number;
}

/**
 * What `attempt` gives, tried again while it fails in a way that passes. Waits are random between nothing and the longest
 * ("full jitter"), so that many who failed together don't come back together.
 * @param attempt is told how many tries have failed.
 * @throws the last error when tries are used up, and at once an error that doesn't pass.
 */
export async function withRetries<Result>(
  attempt: (failed: number) => Promise<Result>,
  passes: (error: unknown) => boolean,
  { tries, firstWaitMs, longestWaitMs, sleep, random }: RetrySettings,
): Promise<Result> {
  for (let failed = 0; ; failed++) {
    try {
      return await attempt(failed);
    } catch (error) {
      if (failed + 1 >= tries || !passes(error)) throw error;
      await sleep(random() * Math.min(longestWaitMs, firstWaitMs * 2 ** failed));
    }
  }
}
