/** A question that is answered in a process of its own, which may crash while the one that asks goes on. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf } from './errors.ts';

const mostMilliseconds = 120_000;

/** Kept of what it writes to standard error. */
const mostCharacters = 2000;

/** The process's last message, or, where it ended without one, how it ended. */
export type ChildAnswer<Message> = { readonly message: Message } | { readonly ended: string };

/**
 * Starts a module as a process, and waits for its one message and its end. It counts as no answer when the process ends badly after it, or
 * takes too long. Never throws.
 */
export async function askChild<Message>(module: URL, args: readonly string[]): Promise<ChildAnswer<Message>> {
  const child = fork(fileURLToPath(module), args, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  child.stderr!.on('data', (text) => {
    said = `${said}${text}`.slice(0, mostCharacters);
  });
  let answer: { message: Message } | undefined;
  child.on('message', (message) => {
    answer = { message: message as Message };
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, mostMilliseconds);
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  clearTimeout(timer);
  if (isLate) return { ended: `it gave no answer within ${mostMilliseconds / 1000} s` };
  if (answer && end === 'exit code 0') return answer;
  const [first] = said.trim().split('\n');
  return { ended: `its process ended (${end})${first ? `: ${first}` : ''}` };
}
