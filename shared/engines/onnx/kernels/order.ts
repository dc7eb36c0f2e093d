import { afterKernel } from '../../recompute.ts';
import { after, type Recorders } from './kernel.ts';

/** The order in which things are computed. */
export const order: Recorders = {
  [afterKernel]: ({ graph, inputs }) => {
    const { x, other } = inputs;
    return x!.uniform === undefined && other!.uniform === undefined ? after(graph, x!, other!) : x!;
  },
};
