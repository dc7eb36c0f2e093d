/** Trains runs that its parent process sends, one after the other, and sends back what they came to. */
import { loadRunFile, parseOverride } from '../shared/config/parse-run-file.ts';
import { messageOf, UserError } from '../shared/core/errors.ts';
import type { TrainTask, WorkerReply } from './side-by-side.ts';
import { train } from './train.ts';

const reply = (message: WorkerReply) => process.send?.(message);

process.on('message', async ({ runFile, overrides }: TrainTask) => {
  try {
    reply({ trained: await train(await loadRunFile(runFile, overrides.map(parseOverride))) });
  } catch (error) {
    reply({ error: messageOf(error), isUsers: error instanceof UserError });
  }
});
