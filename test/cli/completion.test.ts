import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { temporaryFolder } from '../support/small-run.ts';

/** What a shell is offered for the last of the words. */
async function offered(words: readonly string[], cwd?: string): Promise<string[]> {
  const { code, stdout } = await runCli(['complete', '--', ...words], { ...(cwd === undefined ? {} : { cwd }) });
  expect(code).toBe(0);
  const lines = stdout.trim().split('\n').slice(0, -1);
  return lines.map((line) => line.split('\t')[0]!);
}

it.each(['bash', 'zsh', 'fish', 'powershell'])(
  'prints a script for %s, which asks the command itself',
  async (shell) => {
    const { code, stdout } = await runCli(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/tempbalance.*complete|complete.*tempbalance/);
  },
);

it('refuses another shell with those that there are', async () => {
  const { code, stderr } = await runCli(['completion', 'csh']);
  expect(code).toBe(2);
  expect(stderr).toContain('zsh, bash, fish, powershell');
});

it('completes commands, options and their values', async () => {
  expect(await offered(['r'])).toEqual(['resume', 'runs', 'report', 'rates']);
  expect(await offered(['cloud', 's'])).toEqual(['synth', 'submit', 'status', 'stop']);
  expect(await offered(['export', '--dt'])).toEqual(['--dtype']);
  expect(await offered(['export', '--dtype', 'b'])).toEqual(['bfloat16']);
});

it('completes the names of the runs that are here', async () => {
  const cwd = await temporaryFolder();
  expect(await offered(['resume', ''], cwd)).toEqual([]);
  for (const run of ['burgers-1', 'topics', '.draft']) await mkdir(join(cwd, 'runs', run), { recursive: true });
  expect(await offered(['resume', ''], cwd)).toEqual(['burgers-1', 'topics']);
  expect(await offered(['report', 'burgers-1', 't'], cwd)).toEqual(['topics']);
});
