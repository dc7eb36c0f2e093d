import type { KernelConfig } from '@tensorflow/tfjs-core';
import type { TensorLibrary } from '../engine.ts';
import type { WasmBackend } from './backend.ts';
import { conv2dBackpropFilter } from './conv2d-backprop-filter.ts';
import { paddedConvolutions } from './convolutions.ts';
import { depthwiseGradients } from './depthwise-gradients.ts';
import { gather } from './gather.ts';
import { identity } from './identity.ts';
import { guardedMatMuls } from './mat-mul.ts';
import { maxPoolGrad } from './max-pool-grad.ts';
import { oneHot } from './one-hot.ts';
import { unsortedSegmentSum } from './unsorted-segment-sum.ts';

/** Kernels that tfjs's wasm backend lacks, or has but slow or wrong. */
export function wasmKernels(tf: TensorLibrary, backend: () => WasmBackend): KernelConfig[] {
  return [
    ...guardedMatMuls(tf, backend),
    identity(backend),
    unsortedSegmentSum(backend),
    conv2dBackpropFilter(tf),
    ...depthwiseGradients(tf),
    maxPoolGrad(tf, backend),
    oneHot(backend),
    ...paddedConvolutions(tf),
    gather(tf),
  ];
}
