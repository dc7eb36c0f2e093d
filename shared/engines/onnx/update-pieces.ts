/** Updates in pieces, which threads that share their memory compute side by side. */
import { RunError } from '../../core/errors.ts';
import type { UpdateProgram } from './fused-updates.ts';
import { type KernelMemory, kernelOf } from './update-kernel.ts';

/** A program's kernel, and where in a memory lies what it reads and writes. */
export interface KernelCall {
  readonly program: UpdateProgram;
  readonly memory: KernelMemory;
  /** Bytes of one tensor. */
  readonly bytes: number;
  /** The addresses of what is read, then of what is written, in bytes. */
  readonly addresses: readonly number[];
}

/** The numbers that hold for all elements, for each call. */
export type CallScalars = readonly (readonly number[])[];

/** Bytes of a tensor in one piece: some tens of microseconds. */
const pieceBytes = 2 ** 18;

/** Indices of the counters: of pieces that were taken, and of those that are computed. */
const [taken, computed] = [0, 1];

/** Makes the counters that threads share which compute the same pieces. */
export const pieceCounters = (): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));

/** Computes pieces that no other thread has taken, until there are none left. */
export type ComputePieces = (scalars: CallScalars, counters: Int32Array) => void;

const startsOf = ({ bytes }: KernelCall): number[] =>
  Array.from({ length: Math.ceil(bytes / pieceBytes) }, (_, piece) => piece * pieceBytes);

/** The calls in pieces, as each thread computes them. Every element is computed by itself, so the bits are those of whole calls. */
export function inPieces(calls: readonly KernelCall[]): { readonly count: number; readonly compute: ComputePieces } {
  const kernels = calls.map(({ program, memory }) => kernelOf(program, memory));
  const pieces = calls.flatMap((call, index) => startsOf(call).map((start) => ({ index, start })));
  return {
    count: pieces.length,
    compute(scalars, counters) {
      for (
        let piece = pieces[Atomics.add(counters, taken, 1)];
        piece;
        piece = pieces[Atomics.add(counters, taken, 1)]
      ) {
        const { index, start } = piece;
        const { bytes, addresses } = calls[index]!;
        const length = Math.min(pieceBytes, bytes - start);
        kernels[index]!(length, ...addresses.map((address) => address + start), ...scalars[index]!);
        Atomics.add(counters, computed, 1);
        Atomics.notify(counters, computed);
      }
    },
  };
}

/** A piece takes some tens of microseconds: a thread that has not computed one after this time has ended in it. */
const mostWaitMs = 600_000;

/**
 * Returns when so many pieces are computed.
 * @throws RunError where another thread ended in one.
 */
export function waitForPieces(count: number, counters: Int32Array, waitMs = mostWaitMs): void {
  for (let done = Atomics.load(counters, computed); done < count; done = Atomics.load(counters, computed)) {
    if (Atomics.wait(counters, computed, done, waitMs) === 'timed-out') {
      throw new RunError('a thread that updates parameters has ended in the middle of a step', {
        remedy: 'Resume the run: it goes on from the last commit. TEMPBALANCE_THREADS=1 computes without that thread.',
      });
    }
  }
}
