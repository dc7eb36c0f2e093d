import { arrange } from './arrange.ts';
import { choices } from './choices.ts';
import { convolutions } from './convolutions.ts';
import { depthwise } from './depthwise.ts';
import { elementwise } from './elementwise.ts';
import type { Recorders } from './kernel.ts';
import { order } from './order.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { resizing } from './resizing.ts';

/** Kernels that take 16-bit values; others are given them widened. */
export const takingHalves: ReadonlySet<string> = new Set(['Identity', 'BatchMatMul', '_FusedMatMul', 'GatherV2']);

/** The recorder of each kernel of tfjs, by its name. */
export const recorders: Recorders = {
  ...elementwise,
  ...reductions,
  ...arrange,
  ...order,
  ...choices,
  ...products,
  ...convolutions,
  ...depthwise,
  ...pooling,
  ...resizing,
};
