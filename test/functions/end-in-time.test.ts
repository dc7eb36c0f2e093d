import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endInTime } from '../../functions/train-epoch/end-in-time.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function container() {
  const codes: unknown[] = [];
  return { codes, process: { exit: (code: unknown) => codes.push(code) as never } as Pick<NodeJS.Process, 'exit'> };
}
const inSeconds = (seconds: number) => new Date(Date.now() + 1000 * seconds);

describe('a job that has to end at a time', () => {
  it('ends then, after what it has used is noted', async () => {
    const { codes, process } = container();
    const noted = vi.fn(async () => {});
    endInTime(process, inSeconds(90), vi.fn(), noted, vi.fn());
    await vi.advanceTimersByTimeAsync(89_999);
    expect([noted.mock.calls.length, codes]).toEqual([0, []]);
    await vi.advanceTimersByTimeAsync(1);
    expect([noted.mock.calls.length, codes]).toEqual([1, [76]]);
  });

  it('ends at once where it has waited until then', async () => {
    const { codes, process } = container();
    endInTime(process, inSeconds(-3600), vi.fn(), async () => {}, vi.fn());
    await vi.advanceTimersByTimeAsync(0);
    expect(codes).toEqual([76]);
  });

  it('ends where its use can not be noted, or that hangs', async () => {
    for (const note of [() => Promise.reject(new Error('no store')), () => new Promise<void>(() => {})]) {
      const { codes, process } = container();
      endInTime(process, inSeconds(1), vi.fn(), note, vi.fn());
      await vi.advanceTimersByTimeAsync(11_000);
      expect(codes[0]).toBe(76);
    }
  });

  it('is killed soon after where a computation keeps it from ending', () => {
    const killAfter = vi.fn();
    endInTime(container().process, inSeconds(90), vi.fn(), async () => {}, killAfter);
    endInTime(container().process, inSeconds(-3600), vi.fn(), async () => {}, killAfter);
    endInTime(container().process, undefined, vi.fn(), async () => {}, killAfter);
    expect(killAfter.mock.calls).toEqual([[105], [15]]);
  });

  it('runs on where no time is set', async () => {
    const { codes, process } = container();
    endInTime(process, undefined, vi.fn(), async () => {}, vi.fn());
    await vi.advanceTimersByTimeAsync(1e9);
    expect(codes).toEqual([]);
  });
});
