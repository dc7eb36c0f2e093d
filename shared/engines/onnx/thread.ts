import { Worker } from 'node:worker_threads';
import { RunError } from '../../core/errors.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import type { Reply, Request, Task } from './task.ts';
import { remember } from './update-memory.ts';

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './worker.ts' : './worker.js', here);

/** The thread in which ONNX Runtime computes. */
export interface ComputeThread {
  /**
   * @param transfer what becomes the thread's and is not copied
   * @throws RunError when ONNX Runtime refuses, or the thread has ended, if not what `explain` made of that.
   */
  ask(task: Task, transfer?: readonly ArrayBuffer[]): Promise<HostTensors>;
  hasEnded(): boolean;
}

/** Another thread than that of the engine onnx. */
export interface ThreadSettings {
  readonly module: URL;
  /** The error of what ONNX Runtime, or the thread's end, said. */
  explain(message: string, cause?: unknown): Error;
}

const ofOnnx: ThreadSettings = {
  module: workerModule,
  explain: (message, cause) => new RunError(message, { where: 'engine onnx', cause }),
};

interface Waiting {
  resolve(tensors: HostTensors): void;
  reject(error: Error): void;
}

/** What waits for the threads of this process to be through with all that was asked of them. */
const busy = new Set<Map<number, Waiting>>();
const whenIdle: (() => void)[] = [];

/** Waits until no thread of this process computes any more: one that is in the midst of native code may abort a process that exits. */
export async function threadsAtRest(): Promise<void> {
  while (busy.size > 0) await new Promise<void>((resolve) => whenIdle.push(resolve));
}

function noteRest(waiting: Map<number, Waiting>): void {
  if (waiting.size > 0) return;
  busy.delete(waiting);
  if (busy.size === 0) for (const tell of whenIdle.splice(0)) tell();
}

/**
 * Starts the thread. It keeps the process from ending only while something is asked of it. From 1.29 on, ONNX Runtime sends facts about processes
 * and sessions to its maker unless a variable of the process tells it not to before it is loaded; one that is set already is obeyed.
 */
export function startThread({ module, explain }: ThreadSettings = ofOnnx): ComputeThread {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const worker = new Worker(module);
  worker.unref();
  const waiting = new Map<number, Waiting>();
  let ended: Error | undefined;
  let asked = 0;

  const end = (cause: unknown) => {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    ended ??= explain(`the computing thread has ended${why}`, cause);
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    noteRest(waiting);
  };
  worker.on('error', end);
  worker.on('exit', end);
  worker.on('message', (reply: Reply) => {
    const request = waiting.get(reply.id)!;
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref();
    noteRest(waiting);
    if ('error' in reply) return request.reject(explain(reply.error));
    remember(reply.memories);
    request.resolve(reply.tensors);
  });

  return {
    hasEnded: () => ended !== undefined,
    ask: (task, transfer = []) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended);
        asked += 1;
        waiting.set(asked, { resolve, reject });
        busy.add(waiting);
        worker.ref();
        worker.postMessage({ id: asked, task } satisfies Request, transfer);
      }),
  };
}
