import type { ParameterSpec } from '../../tensors/layer.ts';
import { type HostTensors, zeros } from '../../tensors/tensor.ts';

/** Name of the state tensor that holds a parameter's velocity. */
export const velocityOf = (name: string): string => `velocity/${name}`;

/** Zero velocities for every parameter, of its shape. */
export const zeroVelocities = (specs: readonly ParameterSpec[]): HostTensors =>
  new Map(specs.map(({ name, shape }) => [velocityOf(name), zeros(shape)]));
