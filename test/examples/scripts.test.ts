import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });

describe.each([
  'examples/burgers/generate.ts',
  'examples/burgers/pretrain.ts',
  'examples/compressible/generate.ts',
  'examples/topics/generate.ts',
  'examples/topics/pretrain.ts',
  'studies/main.ts',
])('%s', (script) => {
  it('refuses an option that it does not have, says how it is used, and ends with 2', () => {
    const { status, stderr } = run(script, '--bogus');
    expect(stderr).toMatch(/^error: Unknown option '--bogus'/);
    expect(stderr).toContain('[options]\n\n  --');
    expect(stderr).not.toContain('    at ');
    expect(status).toBe(2);
  });

  it('says how it is used', () => {
    expect(run(script, '--help')).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('[options]'),
    });
  });
});

it.each([
  [['examples/burgers/generate.ts'], /^error: --out: is missing/],
  [['examples/burgers/generate.ts', '--out', 'x', '--nu', '-1'], /argument is ambiguous/],
  [['examples/burgers/generate.ts', '--out', 'x', '--nu=-1'], /^error: --nu: "-1" is not a number above 0/],
  [
    ['examples/burgers/generate.ts', '--out', 'x', '--times', '1'],
    /^error: --times: "1" is not a whole number from 2 on/,
  ],
  [['examples/burgers/pretrain.ts', '--epochs', 'ten'], /^error: --epochs: "ten" is not a whole number/],
  [['examples/compressible/generate.ts'], /^error: --out: is missing/],
  [
    ['examples/compressible/generate.ts', '--out', 'x', '--initial', 'wave'],
    /^error: --initial: "wave" is none of waves, tubes/,
  ],
  [['examples/topics/generate.ts', '--out', 'package.json/x'], /^error: ENOTDIR/],
  [['examples/topics/pretrain.ts', '--epochs', '1.5'], /^error: --epochs: "1.5" is not a whole number/],
])('a mistake of the user is told in a sentence and ends with 2: %j', ([script, ...args], message) => {
  const { status, stderr } = run(script!, ...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(status).toBe(2);
});

it('a pre-trained model takes the place of no folder that holds something else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tempbalance-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'thesis.tex'), 'ten years of work');
  const { status, stderr } = run('examples/topics/pretrain.ts', '--out', folder);
  expect(stderr).toContain(`error: ${folder}: holds something else than a model`);
  expect(status).toBe(2);
  expect(readdirSync(folder)).toEqual(['thesis.tex']);
});
