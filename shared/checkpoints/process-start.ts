import { readFile } from 'node:fs/promises';
import { codeOf } from './disk-error.ts';

/**
 * When a process of this machine started, in clock ticks since boot: two processes with the same pid differ in it.
 * `gone` when there is none (a zombie counts as gone), undefined where the system does not tell.
 */
export async function processStart(pid: number): Promise<string | 'gone' | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return 'gone';
  }
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? 'gone' : rest[18];
  } catch {
    return undefined;
  }
}
