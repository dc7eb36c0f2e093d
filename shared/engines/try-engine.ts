/** Whether an engine works here, found out in a process of its own, which a broken driver may end. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf, UserError } from '../core/errors.ts';
import type { EngineName } from './engine.ts';
import type { SelfTest } from './self-test.ts';

/** What came of a trial. */
export type Trial =
  | ({ readonly works: true } & SelfTest)
  | { readonly works: false; readonly reason: string; readonly remedy?: string };

/** What an error says, on one line, and what it says to do. */
export function trialOfError(error: unknown): Trial {
  const [reason] = messageOf(error).split('\n');
  const remedy = error instanceof UserError ? error.remedy : undefined;
  return { works: false, reason: reason!, ...(remedy === undefined ? {} : { remedy }) };
}

const here = import.meta.url;
const workerModule = fileURLToPath(new URL(here.endsWith('.ts') ? './try-worker.ts' : './try-worker.js', here));

const mostMilliseconds = 120_000;

/** Tries an engine with a small training step, compared with the plain engine. Never throws. */
export async function tryEngine(name: EngineName, module = workerModule): Promise<Trial> {
  const child = fork(module, [name], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let [said, told] = ['', undefined as Trial | undefined];
  child.stderr!.on('data', (text) => {
    said = `${said}${text}`.slice(-2000);
  });
  child.on('message', (trial: Trial) => {
    told = trial;
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, mostMilliseconds);
  const ended = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(messageOf(error)));
    child.on('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  clearTimeout(timer);
  if (isLate) return { works: false, reason: `it did not answer within ${mostMilliseconds / 1000} s` };
  // Also where it ends badly afterwards: so would a run.
  if (told && (!told.works || ended === 'exit code 0')) return told;
  const last = said.trim().split('\n').at(-1);
  return { works: false, reason: `its process ended (${ended})${last ? `: ${last}` : ''}` };
}
