/** The requests to a computing thread, and its answers. */
import type { FixedTensors, HostTensors, MixedTensors } from '../../tensors/tensor.ts';
import type { Update } from './fused-updates.ts';
import type { TensorSpec } from './graph.ts';
import type { UpdateMemory } from './update-memory.ts';

/** The settings by which a session computes. */
export interface Target {
  readonly threads: number;
  /** Whether what it has computed with is kept for its next run, which is quicker, rather than given back. */
  readonly keepsMemory: boolean;
}

/** What the thread is asked to do. Sessions and loops are known by numbers that the asker chooses. */
export type Task =
  | { readonly do: 'load' }
  | {
      readonly do: 'compile';
      readonly session: number;
      readonly model: Uint8Array;
      /** The updates that are computed behind the graph. */
      readonly updates: readonly Update[];
      readonly target: Target;
      /** Outputs that the next step takes. */
      readonly carried: readonly string[];
    }
  | { readonly do: 'forget'; readonly session: number }
  | {
      readonly do: 'begin';
      readonly loop: number;
      readonly fixed: FixedTensors;
      readonly carried: HostTensors;
      /** The memories that carried tensors lie in. */
      readonly memories: readonly UpdateMemory[];
    }
  | {
      readonly do: 'step';
      readonly loop: number;
      readonly session: number;
      readonly inputs: MixedTensors;
      readonly outputs: Readonly<Record<string, TensorSpec>>;
      /** Outputs that are written over what they replace. */
      readonly overwriting: readonly string[];
      /** Whether its updates wait for inputs that come with `finishStep`; where another step comes first, they are not computed. Absent: no. */
      readonly isFinishedLater?: boolean;
    }
  | { readonly do: 'finishStep'; readonly loop: number; readonly inputs: MixedTensors }
  /** What is carried, or those tensors of it that are named: copies, or until the next step those in shared memory as they are. */
  | {
      readonly do: 'read';
      readonly loop: number;
      readonly names?: readonly string[] | undefined;
      readonly untilNextStep: boolean;
    }
  /** Gives all carried tensors away, and ends the loop. */
  | { readonly do: 'finish'; readonly loop: number }
  | { readonly do: 'end'; readonly loop: number }
  /** Gives everything back, and sets the first number of `done`: the process is about to end. */
  | { readonly do: 'close'; readonly done: Int32Array };

export interface Request {
  readonly id: number;
  readonly task: Task;
}

export type Reply = { readonly id: number } & (
  | { readonly tensors: HostTensors; readonly memories: readonly UpdateMemory[] }
  | { readonly error: string }
);

/** The memory that becomes another thread's; what is shared stays where it is. */
export const ownBuffers = (tensors: ReadonlyMap<string, { readonly data: ArrayBufferView }>): ArrayBuffer[] =>
  [...tensors.values()].flatMap(({ data: { buffer } }) => (buffer instanceof ArrayBuffer ? [buffer] : []));
