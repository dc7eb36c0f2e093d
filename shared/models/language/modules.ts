import type { Random } from '../../core/random.ts';
import type { Layer, ParameterSpec } from '../../tensors/layer.ts';
import { elementCount, type HostTensor } from '../../tensors/tensor.ts';
import { depthsOf } from './depths.ts';
import type { DenseLayer } from './model.ts';

interface Named {
  /** The name of the module, e.g. `bert.pooler.dense`. */
  readonly name: string;
}

/** A table of rows. */
interface Embedding extends Named {
  readonly kind: 'embedding';
  readonly rows: number;
  readonly size: number;
  /** The row of padding: zeros when fresh, and without gradient. */
  readonly padding?: number;
  /** Fresh values, where they are not drawn. */
  readonly values?: () => Float32Array;
  /** Standard deviation of fresh values, where it is not the model's. */
  readonly deviation?: number;
}

interface Dense extends DenseLayer {
  readonly kind: 'dense';
  readonly bias: boolean;
  /** Standard deviation of a fresh weight, where it is not the model's. */
  readonly deviation?: number;
  /** A task's own layer, which is not analysed and trains at the base rate. */
  readonly head?: boolean;
}

/** A convolution along the tokens, of which no adapter is made; its weight is `[outputs, inputs, taps]`. */
interface Conv extends Named {
  readonly kind: 'conv';
  readonly inputs: number;
  readonly outputs: number;
  readonly taps: number;
}

interface Norm extends Named {
  readonly kind: 'norm';
  readonly size: number;
  readonly bias: boolean;
  /** The value of fresh weights: 0 where a norm multiplies by 1 + weight. */
  readonly weight: number;
}

/** A bias by itself; its name is the tensor's. */
interface Bias extends Named {
  readonly kind: 'bias';
  readonly size: number;
}

/** A part of a model that has parameters; models list theirs in the order in which they are applied. */
export type Module = Embedding | Dense | Conv | Norm | Bias;

export const embedding = (name: string, rows: number, size: number, more: Partial<Embedding> = {}): Module => ({
  kind: 'embedding',
  name,
  rows,
  size,
  ...more,
});
export const denseModule = (name: string, inputs: number, outputs: number, more: Partial<Dense> = {}): Module => ({
  kind: 'dense',
  name,
  inputs,
  outputs,
  bias: true,
  ...more,
});
export const convModule = (name: string, inputs: number, outputs: number, taps: number): Module => ({
  kind: 'conv',
  name,
  inputs,
  outputs,
  taps,
});
export const norm = (name: string, size: number, bias = true, weight = 1): Module => ({
  kind: 'norm',
  name,
  size,
  bias,
  weight,
});
export const biasModule = (name: string, size: number): Module => ({ kind: 'bias', name, size });

/** Layers with a spectrum: all but a task's own. */
const isAnalysed = (module: Module): module is Dense | Conv =>
  module.kind === 'conv' || (module.kind === 'dense' && !module.head);

const blockOf = (name: string) => /^.*?\.\d+\./.exec(name)?.[0];

/** The layer that each module follows: a dense layer itself, a norm in a block the layer before it there, or else its first. */
function followed(modules: readonly Module[]): (string | undefined)[] {
  const analysed = modules.map((module) => (isAnalysed(module) ? module.name : undefined));
  return modules.map((module, index) => {
    const block = blockOf(module.name);
    if (module.kind !== 'norm' || block === undefined) return analysed[index];
    const inBlock = (name: string | undefined) => name !== undefined && blockOf(name) === block;
    return analysed.slice(0, index).findLast(inBlock) ?? analysed.find(inBlock);
  });
}

/** The dense layers, as an adapter sees them. */
export function denseLayersOf(modules: readonly Module[]): DenseLayer[] {
  return modules.flatMap((module) => (module.kind === 'dense' ? [module] : []));
}

/** Every layer that is analysed. */
export function layersOf(modules: readonly Module[]): Layer[] {
  return modules
    .filter(isAnalysed)
    .map(({ kind, name }) => ({ name, kind: kind === 'conv' ? 'conv1d' : 'linear', weights: [`${name}.weight`] }));
}

/** Biases and norms don't decay, tables and matrices do. */
export function parametersOf(modules: readonly Module[]): ParameterSpec[] {
  const layers = followed(modules);
  const depths = depthsOf(modules.map(({ name }) => name));
  return modules.flatMap((module, index): ParameterSpec[] => {
    const [layer, depth] = [layers[index], depths[index]];
    const spec = (name: string, shape: number[], decay: boolean): ParameterSpec => ({
      name,
      shape,
      decay,
      ...(layer === undefined ? {} : { layer }),
      ...(depth === undefined ? {} : { depth }),
    });
    const { kind, name } = module;
    if (kind === 'bias') return [spec(name, [module.size], false)];
    if (kind === 'embedding') return [spec(`${name}.weight`, [module.rows, module.size], true)];
    if (kind === 'conv') {
      const { inputs, outputs, taps } = module;
      return [spec(`${name}.weight`, [outputs, inputs, taps], true), spec(`${name}.bias`, [outputs], false)];
    }
    const outputs = kind === 'norm' ? module.size : module.outputs;
    const bias = module.bias ? [spec(`${name}.bias`, [outputs], false)] : [];
    if (kind === 'norm') return [spec(`${name}.weight`, [outputs], false), ...bias];
    const shape = module.inputsFirst ? [module.inputs, outputs] : [outputs, module.inputs];
    return [spec(`${name}.weight`, shape, true), ...bias];
  });
}

/** A normal number, drawn again where it lies beyond the cut-off. */
function normalWithin(random: Random, cutoff: number): number {
  let value = random.normal();
  while (Math.abs(value) > cutoff) value = random.normal();
  return value;
}

/** The distribution of fresh values. */
interface Spread {
  /** The configuration's `initializer_range`, for all that has none of its own. */
  readonly deviation: number;
  /** The cut-off of the distribution, in standard deviations; absent: none. */
  readonly cutoff?: number;
}

/** Fresh values of one of a module's parameters. */
function drawn(
  module: Module,
  { name, shape, decay }: ParameterSpec,
  { deviation, cutoff = Number.POSITIVE_INFINITY }: Spread,
  random: Random,
): Float32Array {
  const length = elementCount(shape);
  if (!decay)
    return new Float32Array(length).fill(module.kind === 'norm' && name.endsWith('.weight') ? module.weight : 0);
  if (module.kind === 'embedding' && module.values) return module.values();
  const own = module.kind === 'dense' || module.kind === 'embedding' ? module.deviation : undefined;
  const spread = own ?? deviation;
  const data = Float32Array.from({ length }, () => spread * normalWithin(random, cutoff));
  if (module.kind === 'embedding' && module.padding !== undefined) {
    data.fill(0, module.padding * module.size, (module.padding + 1) * module.size);
  }
  return data;
}

/**
 * Fresh values as Hugging Face's `transformers` draws them: tables and matrices normal, biases 0, norms 1, rows of padding 0.
 * @param spread of normal values; a number is the configuration's `initializer_range`, without a cut-off
 * @param names the parameters that are wanted; absent: all
 */
export function initialValues(
  modules: readonly Module[],
  spread: number | Spread,
  random: Random,
  names?: ReadonlySet<string>,
): Map<string, HostTensor> {
  const given = typeof spread === 'number' ? { deviation: spread } : spread;
  return new Map(
    modules.flatMap((module) =>
      parametersOf([module])
        .filter(({ name }) => names?.has(name) ?? true)
        .map((spec): [string, HostTensor] => [
          spec.name,
          { shape: spec.shape, data: drawn(module, spec, given, random) },
        ]),
    ),
  );
}
