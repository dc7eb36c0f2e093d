import { arrange } from './arrange.ts';
import { convolutions } from './convolutions.ts';
import { elementwise } from './elementwise.ts';
import type { Recorders } from './kernel.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';

/** How each kernel of tfjs is recorded, by its name there. */
export const recorders: Recorders = { ...elementwise, ...reductions, ...arrange, ...products, ...convolutions };
