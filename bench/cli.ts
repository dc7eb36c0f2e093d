import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { benchFile } from './peer.ts';

/** Runs the command line in a process of its own; the last line of its standard error is what it used. */
export async function runCli(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const command = ['--import', benchFile('peak-memory.ts'), benchFile('../cli/main.ts'), ...args];
  return promisify(execFile)(process.execPath, command, { maxBuffer: 2 ** 28 });
}

/** What a process that `runCli` ran has used. */
export function usageOf({ stderr }: { stderr: string }): { cpuSeconds: number; peakMiB: number } {
  const [cpuSeconds, peakMiB] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return { cpuSeconds: cpuSeconds!, peakMiB: peakMiB! };
}
