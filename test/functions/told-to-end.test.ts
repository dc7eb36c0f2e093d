import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { toldToEnd } from '../../functions/train-epoch/told-to-end.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const says = async () => {};

it('a container that is told to end does so within 20 s, whatever is under way', async () => {
  const codes: unknown[] = [];
  const container = Object.assign(new EventEmitter(), { exit: (code: unknown) => codes.push(code) as never });
  const warn = vi.fn();
  const told = toldToEnd(container as unknown as NodeJS.Process, warn, says);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([told(), codes]).toEqual([false, []]);

  container.emit('SIGTERM');
  expect(told()).toBe(true);
  await vi.advanceTimersByTimeAsync(15_000);
  container.emit('SIGTERM');
  expect([warn.mock.calls.length, codes]).toEqual([1, []]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(codes).toEqual([75]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(codes).toEqual([75]);
});

it.each([
  ['is noted', async () => {}],
  ['can not be noted', () => Promise.reject(new Error('no store'))],
])('it ends when what it used %s', async (_what, note) => {
  const done: unknown[] = [];
  const container = Object.assign(new EventEmitter(), { exit: (code: unknown) => done.push(code) as never });
  toldToEnd(container as unknown as NodeJS.Process, vi.fn(), () => {
    done.push('noted');
    return note();
  });
  container.emit('SIGTERM');
  await vi.advanceTimersByTimeAsync(20_000);
  expect(done).toEqual(['noted', 75]);
});
