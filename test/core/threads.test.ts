import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { threadsAllowed } from '../../shared/core/threads.ts';

it('a process may compute with as many threads as it is told, or as the machine has', () => {
  expect(threadsAllowed({ TEMPBALANCE_THREADS: '3' })).toBe(3);
  expect(threadsAllowed({})).toBe(availableParallelism());
  expect(threadsAllowed({ TEMPBALANCE_THREADS: '' })).toBe(availableParallelism());
});

it.each(['0', '-1', '1.5', 'two'])('a number of threads of %s is refused', (text) => {
  expect(() => threadsAllowed({ TEMPBALANCE_THREADS: text })).toThrow(
    `environment variable TEMPBALANCE_THREADS: "${text}" is not a whole number from 1 on`,
  );
});
