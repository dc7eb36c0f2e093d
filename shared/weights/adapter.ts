import { UserError } from '../core/errors.ts';
import { matchesName } from '../core/name-pattern.ts';
import { type AdapterConfig, namedBase, readAdapterConfig, scaleOf } from '../models/hugging-face/adapter-config.ts';
import { addProduct, productCore } from '../tensors/low-rank.ts';
import { openTensors } from '../tensors/open-tensors.ts';
import { elementCount, formatShape, sameShape } from '../tensors/tensor.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import { type SkippedTensor, storedPrecision, type WeightLayer, type WeightSource } from './weight-source.ts';

const factorName = /^(?:base_model\.model\.)?(.+)\.lora_(A|B)(?:\.[^.]+)?\.weight$/;

/** The module whose weight a tensor of an adapter changes; undefined for a tensor that is no factor. */
export const moduleOfFactor = (name: string): string | undefined => factorName.exec(name)?.[1];

interface Factors {
  readonly module: string;
  readonly a: string;
  readonly b: string;
  readonly scale: number;
}

/**
 * The layers that a PEFT LoRA adapter changes: with the base, each as W + scale * BA; and each as BA alone.
 * @throws UserError when it is another kind of adapter, when one of a pair is missing, or when it doesn't fit the base.
 */
export async function openAdapter(folder: string, base: string | undefined): Promise<WeightSource> {
  const config = await readAdapterConfig(folder);
  const found = await findBase(folder, base, config);
  const source = adapterLayers(await openTensors(folder), found.store, config);
  return { label: folder, format: 'adapter', ...source, notes: [...found.notes, ...source.notes] };
}

/** The tensors of an adapter, wherever they are from. */
type AdapterTensors = Pick<TensorStore, 'label' | 'names' | 'entry' | 'read'>;

/**
 * The layers that an adapter changes: with a base, each as W + scale * BA; and each as BA alone.
 * @throws UserError when one of a pair is missing, or when it doesn't fit the base.
 */
export function adapterLayers(
  store: AdapterTensors,
  base: TensorStore | undefined,
  config: AdapterConfig,
): Omit<WeightSource, 'label' | 'format'> {
  const { factors, skipped } = pairFactors(store, config);
  const merged = base ? mergedLayers(store, base, factors, config) : [];
  const products = factors.map((factor): WeightLayer => {
    const [outputs, inputs] = [store.entry(factor.b).shape[0]!, store.entry(factor.a).shape[1]!];
    return {
      name: `${factor.module}.BA`,
      kind: 'linear',
      weights: [`${factor.module}.BA`],
      matrix: 'BA',
      shape: [outputs, inputs],
      size: elementCount(store.entry(factor.a).shape) + elementCount(store.entry(factor.b).shape),
      precision: storedPrecision(store.entry(factor.a)),
    };
  });
  const scales = [...new Set(factors.map(({ scale }) => scale))];
  const notes = [
    `the update of a layer is BA times its scale (${scales.join(', ')}); spectra of BA alone are without it`,
  ];
  const byWeight = new Map(factors.map((factor) => [`${factor.module}.BA`, factor]));
  const byMerged = new Map(merged.map(({ layer, factor }) => [layer.weights[0]!, factor]));
  const updateOf = ({ scale }: Factors) => ({ scale, transposed: config.fan_in_fan_out ?? false });
  const pairOf = async ({ a, b }: Factors) => [await store.read(a), await store.read(b)] as const;
  return {
    layers: [...merged.map(({ layer }) => layer), ...products],
    skipped,
    notes,
    async read(name) {
      const product = byWeight.get(name);
      if (product) return productCore(...(await pairOf(product)));
      const factor = byMerged.get(name)!;
      return addProduct(await base!.read(name), ...(await pairOf(factor)), updateOf(factor));
    },
    async openRows(name) {
      const factor = byMerged.get(name)!;
      const whole = base!.rowsOf(name);
      const [a, b] = await pairOf(factor);
      return {
        ...whole,
        async read(start, count) {
          const rows = { shape: [count, whole.columns], data: await whole.read(start, count) };
          return addProduct(rows, a, b, { ...updateOf(factor), firstRow: start }).data;
        },
      };
    },
  };
}

function pairFactors(store: AdapterTensors, config: AdapterConfig): { factors: Factors[]; skipped: SkippedTensor[] } {
  const pairs = new Map<string, { A?: string; B?: string }>();
  const skipped: SkippedTensor[] = [];
  for (const name of store.names()) {
    const match = factorName.exec(name);
    const { shape } = store.entry(name);
    if (!match) skipped.push({ name, reason: 'not a factor of a dense layer’s update' });
    else if (shape.length !== 2) skipped.push({ name, reason: `a factor of ${shape.length} axes, of a convolution` });
    else pairs.set(match[1]!, { ...pairs.get(match[1]!), [match[2]!]: name });
  }
  if (pairs.size === 0) throw new UserError('holds no lora_A and lora_B weights', { where: store.label });
  const factors = [...pairs].map(([module, { A, B }]) => {
    if (!A || !B) throw new UserError(`module ${module} has no lora_${A ? 'B' : 'A'} weight`, { where: store.label });
    const [a, b] = [store.entry(A).shape, store.entry(B).shape];
    if (a[0] !== b[1]) {
      throw new UserError(`module ${module}: B ${formatShape(b)} and A ${formatShape(a)} don't fit each other`, {
        where: store.label,
      });
    }
    return { module, a: A, b: B, scale: scaleOf(module, a[0]!, config) };
  });
  return { factors, skipped };
}

/** The base that was given or, where that is a folder here, the one the adapter names. */
async function findBase(
  folder: string,
  given: string | undefined,
  config: AdapterConfig,
): Promise<{ store?: TensorStore; notes: string[] }> {
  if (given !== undefined) return { store: await openTensors(given), notes: [] };
  const place = await namedBase(folder, config);
  if (place !== undefined) return { store: await openTensors(place), notes: [`base: ${place}`] };
  const named = config.base_model_name_or_path;
  const what = named ? `its base, ${named}, is not a folder here` : 'it names no base';
  return { notes: [`${what}, so BA is analysed alone; --base <folder> adds W + scale * BA`] };
}

function mergedLayers(
  store: AdapterTensors,
  base: TensorStore,
  factors: readonly Factors[],
  config: AdapterConfig,
): { layer: WeightLayer; factor: Factors }[] {
  const names = base.names();
  return factors.map((factor) => {
    const weight = baseWeight(names, factor.module);
    if (!weight) {
      throw new UserError(`has no weight of ${factor.module}, which the adapter changes`, {
        where: base.label,
        remedy: 'Give the model that the adapter was trained on as --base.',
      });
    }
    const { shape } = base.entry(weight);
    const [outputs, inputs] = [store.entry(factor.b).shape[0]!, store.entry(factor.a).shape[1]!];
    const expected = config.fan_in_fan_out ? [inputs, outputs] : [outputs, inputs];
    if (!sameShape(shape, expected)) {
      throw new UserError(
        `tensor "${weight}" is ${formatShape(shape)}, but the adapter's update of it is ${formatShape(expected)}`,
        {
          where: base.label,
          remedy: 'Give the model that the adapter was trained on as --base.',
        },
      );
    }
    const layer: WeightLayer = {
      name: factor.module,
      kind: 'linear',
      weights: [weight],
      matrix: 'W + scale * BA',
      shape,
      size: elementCount(shape),
      precision: storedPrecision(base.entry(weight)),
    };
    return { layer, factor };
  });
}

/** The base's weight of a module; a base saved without its head, or with another prefix, matches by the end of the name. */
function baseWeight(names: readonly string[], module: string): string | undefined {
  const wanted = `${module}.weight`;
  return (
    names.find((name) => name === wanted) ??
    names.find((name) => wanted.endsWith(`.${name}`)) ??
    names.find((name) => matchesName(`*.${wanted}`, name))
  );
}
