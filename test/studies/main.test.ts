import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { studies } from '../../studies/studies.ts';

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['studies/main.ts', ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });

it.each([
  [['langauge'], 'error: langauge: there is no such study\n  did you mean "language"?'],
  [['constructor'], 'error: constructor: there is no such study'],
  [[], 'error: which study?'],
  [['language', 'scratch'], 'error: language scratch: one study at a time'],
])('%j is no study: it says which there are, and ends with 2', (args, message) => {
  const { status, stderr } = run(...args);
  expect(stderr).toContain(message);
  for (const [name, { subject }] of Object.entries(studies)) expect(stderr).toMatch(new RegExp(`${name} +${subject}`));
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(status).toBe(2);
});

it.each([
  [['language', '--quick', '--write'], /^error: --write: does not go with --quick/],
  [['language', '--parallel', '0'], /^error: --parallel: "0" is not a whole number from 1 on/],
])('a mistake in options ends with 2 before anything is made: %j', (args, message) => {
  const { status, stdout, stderr } = run(...args);
  expect(stderr).toMatch(message);
  expect(stdout).toBe('');
  expect(status).toBe(2);
});
