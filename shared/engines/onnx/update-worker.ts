/** A thread that computes pieces of updates beside the one that ONNX Runtime computes in. */
import { parentPort } from 'node:worker_threads';
import { collectGarbage } from '../../core/collect-garbage.ts';
import { type CallScalars, type ComputePieces, inPieces, type KernelCall } from './update-pieces.ts';

/** Calls are told once, under a number, and computed and forgotten by it. */
export type UpdateRequest = { readonly number: number } & (
  | { readonly do: 'learn'; readonly calls: readonly KernelCall[] }
  | { readonly do: 'compute'; readonly scalars: CallScalars; readonly counters: Int32Array }
  | { readonly do: 'forget'; readonly bytes: number }
);

const known = new Map<number, ComputePieces>();

parentPort!.on('message', (request: UpdateRequest) => {
  if (request.do === 'learn') known.set(request.number, inPieces(request.calls).compute);
  else if (request.do === 'compute') known.get(request.number)!(request.scalars, request.counters);
  else {
    known.delete(request.number);
    // So that no memory is held on to by what is dropped here.
    collectGarbage(request.bytes);
  }
});
