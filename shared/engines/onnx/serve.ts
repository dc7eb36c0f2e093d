/** How a thread that computes answers: one request after another, whatever it computes with. */
import { parentPort } from 'node:worker_threads';
import { messageOf } from '../../core/errors.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import { ownBuffers, type Reply, type Request, type Task } from './task.ts';
import { memoriesOf } from './update-memory.ts';

/**
 * Answers what is asked of this thread with what `perform` gives, whose memory goes to the asker.
 * @param finish what is left to be done when the asker has its answer, before the next task; where it fails, the next task does
 */
export function serve(perform: (task: Task) => Promise<HostTensors>, finish: () => void = () => {}): void {
  const port = parentPort!;
  const reply = (message: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const answer = async ({ id, task }: Request): Promise<void> => {
    try {
      if (failure) throw failure.error;
      const tensors = await perform(task);
      reply({ id, tensors, memories: memoriesOf(tensors) }, ownBuffers(tensors));
    } catch (error) {
      reply({ id, error: messageOf(error) });
    }
  };
  let failure: { readonly error: unknown } | undefined;
  const finishNow = () => {
    try {
      finish();
    } catch (error) {
      failure ??= { error };
    }
  };
  let turn = Promise.resolve();
  port.on('message', (request: Request) => {
    turn = turn.then(() => answer(request)).then(finishNow);
  });
}
