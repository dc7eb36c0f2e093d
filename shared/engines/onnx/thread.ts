import { Worker } from 'node:worker_threads';
import { RunError } from '../../core/errors.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import type { Reply, Request, Task } from './worker.ts';

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './worker.ts' : './worker.js', here);

/** The thread in which ONNX Runtime computes. */
export interface ComputeThread {
  /**
   * @param transfer what becomes the thread's and is not copied
   * @throws RunError when ONNX Runtime refuses, or the thread has ended.
   */
  ask(task: Task, transfer?: readonly ArrayBuffer[]): Promise<HostTensors>;
}

interface Waiting {
  resolve(tensors: HostTensors): void;
  reject(error: Error): void;
}

/** Starts the thread. It keeps the process from ending only while something is asked of it. */
export function startThread(): ComputeThread {
  const worker = new Worker(workerModule);
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let ended: Error | undefined;
  let asked = 0;

  const end = (cause: unknown) => {
    ended ??= new RunError('the computing thread has ended', { where: 'engine onnx', cause });
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on('error', end);
  worker.on('exit', end);
  worker.on('message', (reply: Reply) => {
    const request = waiting.get(reply.id)!;
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref();
    if ('tensors' in reply) request.resolve(reply.tensors);
    else request.reject(new RunError(reply.error, { where: 'engine onnx' }));
  });

  return {
    ask: (task, transfer = []) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        asked += 1;
        waiting.set(asked, { resolve, reject });
        worker.ref();
        worker.postMessage({ id: asked, task } satisfies Request, transfer);
      }),
  };
}
