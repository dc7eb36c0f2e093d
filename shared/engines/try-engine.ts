/** Whether an engine works here, found out in a process of its own, which a broken driver may end. */
import { askChild } from '../core/ask-child.ts';
import { messageOf, UserError } from '../core/errors.ts';
import type { EngineName } from './engine.ts';
import type { SelfTest } from './self-test.ts';

/** The outcome of trying an engine on this machine. */
export type Trial =
  | ({ readonly works: true } & SelfTest)
  | { readonly works: false; readonly reason: string; readonly remedy?: string };

/** The trial that ended with an error: its message on one line, and the remedy. */
export function trialOfError(error: unknown): Trial {
  // Who asks knows which engine it is.
  const [reason] = messageOf(error)
    .replace(/^engine [^:]*: /, '')
    .split('\n');
  const remedy = error instanceof UserError ? error.remedy : undefined;
  return { works: false, reason: reason!, ...(remedy === undefined ? {} : { remedy }) };
}

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './try-worker.ts' : './try-worker.js', here);

/** Tries an engine with a small training step, compared with the plain engine. Never throws. */
export async function tryEngine(name: EngineName, module = workerModule): Promise<Trial> {
  const answer = await askChild<Trial>(module, [name]);
  return 'message' in answer ? answer.message : { works: false, reason: answer.ended };
}
