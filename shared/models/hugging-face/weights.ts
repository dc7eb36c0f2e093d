import { matchesName } from '../../core/name-pattern.ts';
import type { Random } from '../../core/random.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';
import type { FixedTensors, HostTensors } from '../../tensors/tensor.ts';
import type { TensorStore } from '../../tensors/tensor-store.ts';
import { hasLabels, type LanguageModel, type WeightNames } from '../language/model.ts';
import { type Reading, readWeightsAs, renamed, type StoredWeights, withoutWrapper } from '../pretrained.ts';

/** The endings that norms' names have in old checkpoints, with today's. */
const oldEndings: readonly (readonly [old: string, name: string])[] = [
  ['.gamma', '.weight'],
  ['.beta', '.bias'],
];

/** The file's tensors by the names that the model has for them, less those that do no harm. */
export function weightsByName(
  file: StoredWeights,
  { parameters }: LanguageModel,
  { prefix, otherPrefix, ignored }: WeightNames,
): StoredWeights {
  const needed = new Set(parameters.map(({ name }) => name));
  const store = withoutWrapper(file, needed);
  const stored = new Map<string, string>();
  for (const original of store.names()) {
    const ending = oldEndings.find(([old]) => original.endsWith(old));
    const written = ending ? original.slice(0, -ending[0].length) + ending[1] : original;
    const isOther = otherPrefix !== undefined && written.startsWith(otherPrefix);
    const current = isOther ? written.slice(otherPrefix.length) : written;
    const name = [current, prefix + current].find((each) => needed.has(each));
    const isHarmless = ignored.some((pattern) =>
      [current, prefix + current].some((each) => matchesName(pattern, each)),
    );
    if (name !== undefined) stored.set(name, original);
    else if (!isHarmless) stored.set(original, original);
  }
  return renamed(store, stored);
}

/** The head that a parameter belongs to: what stands before the first dot, or the pooler; undefined for all others. */
export function headOf(name: string, prefix: string): string | undefined {
  if (name.startsWith(`${prefix}pooler.`)) return `${prefix}pooler`;
  return name.startsWith(prefix) ? undefined : name.split('.')[0];
}

/** Parameters of heads of which the file has nothing. */
function absentHeads(specs: readonly ParameterSpec[], present: ReadonlySet<string>, prefix: string): Set<string> {
  const begun = new Set(specs.filter(({ name }) => present.has(name)).map(({ name }) => headOf(name, prefix)));
  const absent = specs.filter(({ name }) => headOf(name, prefix) !== undefined && !begun.has(headOf(name, prefix)));
  return new Set(absent.map(({ name }) => name));
}

/** Names of weight and bias of a classifier's last layer, which scores the labels. */
export const scoreNames = ({ task, dense }: LanguageModel): string[] => {
  const last = dense.at(-1);
  return hasLabels(task) && last ? [`${last.name}.weight`, `${last.name}.bias`] : [];
};

/** How many labels the head of a checkpoint scores; undefined where it has no head for labels. */
export function scoredLabels(store: StoredWeights, model: LanguageModel, names: WeightNames): number | undefined {
  const file = weightsByName(store, model, names);
  const weight = scoreNames(model).find((name) => file.names().includes(name));
  return weight === undefined ? undefined : file.entry(weight).shape[0];
}

const none: HostTensors = new Map();

export interface LoadedWeights<Tensors = HostTensors> {
  readonly parameters: Tensors;
  /** Parameters that are drawn: of a head that the file has nothing of, or that is not wanted. */
  readonly fresh: readonly string[];
}

/** Options for reading weights. */
interface WeightOptions {
  readonly random: Random;
  readonly freshScores?: boolean;
  readonly replaced?: readonly string[];
  readonly tell?: ((note: string) => void) | undefined;
}

/** The values of a model's parameters as `readHuggingFaceTensors` reads them, all of them as float32. */
export async function readHuggingFaceWeights(
  store: TensorStore,
  model: LanguageModel,
  names: WeightNames,
  options: WeightOptions,
): Promise<LoadedWeights> {
  return (await readHuggingFaceTensors(store, model, names, options)) as LoadedWeights;
}

/**
 * The values of a model's parameters from a checkpoint of Hugging Face's. A head that it has nothing of is fresh.
 * @param options.random draws it
 * @param options.freshScores whether a classifier's last layer is fresh in any case, as with `ignore_mismatched_sizes`
 * @param options.tell told what of the files was taken, and how
 * @param options.replaced parameters that are drawn though the file has them, after those that it has nothing of
 * @param options.readingOf how a parameter is read; those that are only checked are left out
 * @throws UserError listing every tensor that is missing, unexpected, mis-shaped or not finite
 */
export async function readHuggingFaceTensors(
  store: TensorStore,
  model: LanguageModel,
  names: WeightNames,
  {
    random,
    freshScores = false,
    replaced = [],
    tell = () => {},
    readingOf = () => 'widened',
  }: WeightOptions & { readonly readingOf?: (parameter: ParameterSpec) => Reading },
): Promise<LoadedWeights<FixedTensors>> {
  const file = weightsByName(store, model, names);
  const unwanted = freshScores ? scoreNames(model) : [];
  const fresh = new Set([...absentHeads(model.parameters, new Set(file.names()), names.prefix), ...unwanted]);
  const read = await readWeightsAs(
    { ...file, names: () => file.names().filter((name) => !unwanted.includes(name)) },
    model.parameters.filter(({ name }) => !fresh.has(name)),
    'Check that config.json and the weights belong together, and that task and labels are the ones you mean.',
    readingOf,
  );
  for (const note of file.notes ?? []) tell(note);
  const drawn = model.initialise(random, fresh);
  const anew =
    replaced.length > 0 ? model.initialise(random, new Set(replaced.filter((name) => !fresh.has(name)))) : none;
  const tensorOf = (name: string) => (anew.get(name) ?? read.get(name) ?? drawn.get(name))!;
  const wanted = model.parameters.filter((parameter) => readingOf(parameter) !== 'checked');
  return { parameters: new Map(wanted.map(({ name }) => [name, tensorOf(name)])), fresh: [...fresh] };
}

/** Parameters of heads that a checkpoint has nothing of. */
export function freshParameters(store: TensorStore, model: LanguageModel, names: WeightNames): string[] {
  const present = new Set(weightsByName(store, model, names).names());
  return [...absentHeads(model.parameters, present, names.prefix)];
}
