import { describe, expect, it } from 'vitest';
import { type RetrySettings, withRetries } from '../../shared/core/retry.ts';

const setUp = (tries: number) => {
  const waits: number[] = [];
  const settings: RetrySettings = {
    ...{ tries, firstWaitMs: 10, longestWaitMs: 35 },
    sleep: async (milliseconds) => waits.push(milliseconds),
    random: () => 0.8,
  };
  return { waits, settings };
};
const failing = (times: number) => async (failed: number) => {
  if (failed < times) throw new Error(`failure ${failed}`);
  return failed;
};

describe('withRetries', () => {
  it('tries until it succeeds, and waits a random share of a time that doubles up to a limit', async () => {
    const { waits, settings } = setUp(6);
    expect(await withRetries(failing(4), () => true, settings)).toBe(4);
    expect(waits).toEqual([8, 16, 28, 28]);
  });

  it('waits for nothing when the first try succeeds', async () => {
    const { waits, settings } = setUp(6);
    expect(await withRetries(failing(0), () => true, settings)).toBe(0);
    expect(waits).toEqual([]);
  });

  it('gives up with the last error, without a wait after it', async () => {
    const { waits, settings } = setUp(3);
    await expect(withRetries(failing(99), () => true, settings)).rejects.toThrow('failure 2');
    expect(waits).toHaveLength(2);
  });

  it('gives up at once at an error that does not pass', async () => {
    const { waits, settings } = setUp(6);
    const passes = (error: unknown) => (error as Error).message !== 'failure 1';
    await expect(withRetries(failing(99), passes, settings)).rejects.toThrow('failure 1');
    expect(waits).toHaveLength(1);
  });
});
