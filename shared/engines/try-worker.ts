/** A process that tries an engine, and tells its parent how that went: an engine's native part may end the process. */
import type { EngineName } from './engine.ts';
import { openEngine } from './open-engine.ts';
import { selfTest } from './self-test.ts';
import { type Trial, trialOfError } from './try-engine.ts';

const name = process.argv[2] as EngineName;

async function trial(): Promise<Trial> {
  try {
    return { works: true, ...(await selfTest(() => openEngine(name))) };
  } catch (error) {
    return trialOfError(error);
  }
}

process.send?.(await trial(), () => process.disconnect());
