/** Updates of large models on two threads. */
import { Worker } from 'node:worker_threads';
import { type CallScalars, inPieces, type KernelCall, pieceCounters, waitForPieces } from './update-pieces.ts';
import type { UpdateRequest } from './update-worker.ts';

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './update-worker.ts' : './update-worker.js', here);

/** Fewer bytes of tensors are updated sooner than another thread is awake. */
const leastBytes = 2 ** 22;

/** Computes updates, and forgets them. */
export interface UpdateComputer {
  compute(scalars: CallScalars): void;
  forget(): void;
}

let helper: { tell(request: UpdateRequest): void } | undefined;
let numbers = 0;

/** Starts the other thread, once. Where it ends, the one that asks computes all by itself. */
function helperOf(): NonNullable<typeof helper> {
  if (helper) return helper;
  let worker: Worker | undefined = new Worker(workerModule);
  worker.unref();
  worker.on('error', () => {
    worker = undefined;
  });
  helper = { tell: (request) => worker?.postMessage(request) };
  return helper;
}

/** @param threads that may compute; with one, or with little to update, no other is asked */
export function updateComputer(calls: readonly KernelCall[], threads: number): UpdateComputer {
  const { count, compute } = inPieces(calls);
  const bytes = calls.reduce((sum, call) => sum + call.bytes, 0);
  if (threads === 1 || bytes < leastBytes) {
    return { compute: (scalars) => compute(scalars, pieceCounters()), forget() {} };
  }
  const { tell } = helperOf();
  const number = ++numbers;
  tell({ do: 'learn', number, calls });
  return {
    compute(scalars) {
      const counters = pieceCounters();
      tell({ do: 'compute', number, scalars, counters });
      compute(scalars, counters);
      waitForPieces(count, counters);
    },
    forget() {
      const all = calls.reduce((sum, { bytes: each, addresses }) => sum + each * addresses.length, 0);
      tell({ do: 'forget', number, bytes: all });
    },
  };
}
