import type { Random } from '../../core/random.ts';
import type { Layer, ParameterSpec } from '../../tensors/layer.ts';
import { elementCount, type HostTensor } from '../../tensors/tensor.ts';
import { depthsOf } from './depths.ts';
import type { DenseLayer } from './model.ts';

interface Named {
  /** Of the module, e.g. `bert.pooler.dense`. */
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
}

interface Dense extends DenseLayer {
  readonly kind: 'dense';
  readonly bias: boolean;
  /** Standard deviation of a fresh weight, where it is not the model's. */
  readonly deviation?: number;
  /** A task's own layer, which is not analysed and trains at the base rate. */
  readonly head?: boolean;
}

interface Norm extends Named {
  readonly kind: 'norm';
  readonly size: number;
  readonly bias: boolean;
  /** What fresh weights are: 0 where a norm multiplies by 1 + weight. */
  readonly weight: 0 | 1;
}

/** A bias by itself; its name is the tensor's. */
interface Bias extends Named {
  readonly kind: 'bias';
  readonly size: number;
}

/** A part of a model that has parameters; models list theirs in the order in which they are applied. */
export type Module = Embedding | Dense | Norm | Bias;

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
export const norm = (name: string, size: number, bias = true, weight: 0 | 1 = 1): Module => ({
  kind: 'norm',
  name,
  size,
  bias,
  weight,
});
export const biasModule = (name: string, size: number): Module => ({ kind: 'bias', name, size });

const blockOf = (name: string) => /\.\d+\./.exec(name)?.[0];

/** The layer that each module follows: a dense layer itself, a norm in a block the layer before it there, or else its first. */
function followed(modules: readonly Module[]): (string | undefined)[] {
  const analysed = modules.map((module) => (module.kind === 'dense' && !module.head ? module.name : undefined));
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

/** Every dense layer but a task's own. */
export function layersOf(modules: readonly Module[]): Layer[] {
  return modules.flatMap((module): Layer[] =>
    module.kind === 'dense' && !module.head
      ? [{ name: module.name, kind: 'linear', weights: [`${module.name}.weight`] }]
      : [],
  );
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
    const outputs = kind === 'norm' ? module.size : module.outputs;
    const bias = module.bias ? [spec(`${name}.bias`, [outputs], false)] : [];
    if (kind === 'norm') return [spec(`${name}.weight`, [outputs], false), ...bias];
    const shape = module.inputsFirst ? [module.inputs, outputs] : [outputs, module.inputs];
    return [spec(`${name}.weight`, shape, true), ...bias];
  });
}

/** Fresh values of one of a module's parameters. */
function drawn(module: Module, { name, shape, decay }: ParameterSpec, deviation: number, random: Random): Float32Array {
  const length = elementCount(shape);
  if (!decay)
    return new Float32Array(length).fill(module.kind === 'norm' && name.endsWith('.weight') ? module.weight : 0);
  if (module.kind === 'embedding' && module.values) return module.values();
  const spread = module.kind === 'dense' ? (module.deviation ?? deviation) : deviation;
  const data = Float32Array.from({ length }, () => spread * random.normal());
  if (module.kind === 'embedding' && module.padding !== undefined) {
    data.fill(0, module.padding * module.size, (module.padding + 1) * module.size);
  }
  return data;
}

/**
 * Fresh values as Hugging Face's `transformers` draws them: tables and matrices normal, biases 0, norms 1, rows of padding 0.
 * @param deviation the configuration's `initializer_range`
 * @param names the parameters that are wanted; absent: all
 */
export function initialValues(
  modules: readonly Module[],
  deviation: number,
  random: Random,
  names?: ReadonlySet<string>,
): Map<string, HostTensor> {
  return new Map(
    modules.flatMap((module) =>
      parametersOf([module])
        .filter(({ name }) => names?.has(name) ?? true)
        .map((spec): [string, HostTensor] => [
          spec.name,
          { shape: spec.shape, data: drawn(module, spec, deviation, random) },
        ]),
    ),
  );
}
