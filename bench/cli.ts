import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { benchFile } from './peer.ts';

/** Runs the command line in a process of its own; the last line of its standard error is its peak resident memory in MiB. */
export async function runCli(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const command = ['--import', benchFile('peak-memory.ts'), benchFile('../cli/main.ts'), ...args];
  return promisify(execFile)(process.execPath, command, { maxBuffer: 2 ** 28 });
}

/** The peak that `runCli` ends with. */
export const peakOf = ({ stderr }: { stderr: string }): number => Number(stderr.trim().split('\n').at(-1));
