import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { toldToEnd } from '../../functions/train-epoch/told-to-end.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a container that is told to end does so within 20 s, whatever is under way', () => {
  const codes: unknown[] = [];
  const container = Object.assign(new EventEmitter(), { exit: (code: unknown) => codes.push(code) as never });
  const warn = vi.fn();
  const told = toldToEnd(container as unknown as NodeJS.Process, warn);
  vi.advanceTimersByTime(60_000);
  expect([told(), codes]).toEqual([false, []]);

  container.emit('SIGTERM');
  expect(told()).toBe(true);
  vi.advanceTimersByTime(15_000);
  container.emit('SIGTERM');
  expect([warn.mock.calls.length, codes]).toEqual([1, []]);
  vi.advanceTimersByTime(5_000);
  expect(codes).toEqual([75]);
  vi.advanceTimersByTime(60_000);
  expect(codes).toEqual([75]);
});
