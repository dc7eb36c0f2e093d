import { UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { isComplexType } from '../tensors/elements.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { openTensors } from '../tensors/open-tensors.ts';
import {
  allFinite,
  elementCount,
  formatShape,
  type HalfTensor,
  type HostTensor,
  type HostTensors,
  halvesFinite,
  isHalf,
  sameShape,
  type WeightTensor,
} from '../tensors/tensor.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';

/** Tensors of a file under the names that a model has for them. */
export interface StoredWeights
  extends Pick<TensorStore, 'label' | 'notes' | 'names' | 'entry' | 'read' | 'readAsStored'> {
  /** The name that the file itself has for a tensor; absent: the same. */
  readonly nameInFile?: (name: string) => string;
}

/** The names that another library has for the weights of an architecture. */
export interface OtherNames {
  /** Whether a file's tensors are named as that library names them. */
  isNaming(names: readonly string[]): boolean;
  /**
   * The file's tensors by the names that the model has for them.
   * @throws UserError saying in what the file's architecture differs from the model's
   */
  translate(file: StoredWeights, parameters: readonly ParameterSpec[]): StoredWeights;
}

/** The same tensors under other names, each read under the name that the file has for it. */
export function renamed(file: StoredWeights, originals: ReadonlyMap<string, string>): StoredWeights {
  const original = (name: string) => originals.get(name) ?? name;
  return {
    ...file,
    names: () => [...originals.keys()],
    entry: (name) => file.entry(original(name)),
    read: (name) => file.read(original(name)),
    readAsStored: (name) => file.readAsStored(original(name)),
    nameInFile: (name) => file.nameInFile?.(original(name)) ?? original(name),
  };
}

/** What wrappers of a model put before the names of all its parameters. */
const wrapperPrefixes = ['module.', '_orig_mod.', 'model.'];

/** Leaves out what a wrapper of the model put before all names, with a note; a prefix that the model has itself stays. */
export function withoutWrapper(file: StoredWeights, needed: Iterable<string>): StoredWeights {
  const names = file.names();
  const own = [...needed];
  const prefix = wrapperPrefixes.find(
    (each) =>
      names.length > 0 && names.every((name) => name.startsWith(each)) && !own.some((name) => name.startsWith(each)),
  );
  if (prefix === undefined) return file;
  const note = `the names in ${file.label} all begin with \`${prefix}\`, which is left out`;
  const originals = new Map(names.map((name) => [name.slice(prefix.length), name]));
  return withoutWrapper({ ...renamed(file, originals), notes: [...(file.notes ?? []), note] }, own);
}

/** Counts of batch norms, which nothing here is computed with. */
const isHarmless = (name: string) => name.endsWith('.num_batches_tracked');

interface Mismatch {
  readonly line: string;
  readonly kind: 'missing' | 'mis-shaped' | 'unexpected';
  readonly layer?: string | undefined;
}

/** Everything by which a weight file differs from what the model needs, one line each. */
function mismatches(file: StoredWeights, parameters: readonly ParameterSpec[]): Mismatch[] {
  const present = new Set(file.names());
  const needed = new Set(parameters.map(({ name }) => name));
  const unexpected = [...present].filter((name) => !needed.has(name));
  const wrong = parameters.flatMap(({ name, shape, complex = false, layer, missing }): Mismatch[] => {
    if (!present.has(name) && missing === 'zeros') return [];
    if (!present.has(name)) {
      const line = `missing     ${name} ${formatShape(shape)}  ${didYouMean(name, unexpected)}`.trimEnd();
      return [{ kind: 'missing', line, layer }];
    }
    const stored = file.entry(name);
    if (sameShape(stored.shape, shape) && (complex || !isComplexType(stored.dtype))) return [];
    const [has, needs] = complex === isComplexType(stored.dtype) ? ['', ''] : numbersOf(stored, complex);
    const line = `mis-shaped  ${name}: the file has ${formatShape(stored.shape)}${has}, the model needs ${formatShape(shape)}${needs}`;
    return [{ kind: 'mis-shaped', line, layer }];
  });
  const more = unexpected.map(
    (name): Mismatch => ({ kind: 'unexpected', line: `unexpected  ${name} ${formatShape(file.entry(name).shape)}` }),
  );
  return [...wrong, ...more];
}

/** Which of the two are complex, where only one is; pairs of real numbers may stand for complex ones. */
function numbersOf({ dtype, shape }: ReturnType<StoredWeights['entry']>, complex: boolean): readonly [string, string] {
  if (!complex) return [` of complex numbers (${dtype}, parts as the last axis)`, ' of real ones'];
  return shape.at(-1) === 2 ? ['', ''] : [' of real numbers', ' of complex ones, parts as the last axis'];
}

type Remedy = string | ((wrong: readonly Mismatch[]) => string);

/** What is made of a parameter in a file: float32, what the file has (16-bit floats as such), or nothing but a check that it fits. */
export type Reading = 'widened' | 'asStored' | 'checked';

/**
 * The values of these parameters, in their order, as float32.
 * @param remedy what to do where they don't fit, which may depend on how
 * @throws UserError listing every tensor that is missing, unexpected, mis-shaped or not finite.
 */
export async function readWeights(
  file: StoredWeights,
  parameters: readonly ParameterSpec[],
  remedy: Remedy,
): Promise<Map<string, HostTensor>> {
  return (await readWeightsAs(file, parameters, remedy, () => 'widened')) as Map<string, HostTensor>;
}

/**
 * The values of those of these parameters that are not only checked, in their order.
 * @param remedy as of `readWeights`
 * @param readingOf how a parameter is read
 * @throws UserError as `readWeights`
 */
export async function readWeightsAs(
  file: StoredWeights,
  parameters: readonly ParameterSpec[],
  remedy: Remedy,
  readingOf: (parameter: ParameterSpec) => Reading,
): Promise<Map<string, HostTensor | HalfTensor>> {
  const wrong = mismatches(file, parameters);
  if (wrong.length > 0) {
    throw new UserError(`the weights don't fit the model:\n    ${wrong.map(({ line }) => line).join('\n    ')}`, {
      where: file.label,
      remedy: typeof remedy === 'string' ? remedy : remedy(wrong),
    });
  }
  const tensors = new Map<string, HostTensor | HalfTensor>();
  const present = new Set(file.names());
  for (const parameter of parameters) {
    const { name, shape: needed } = parameter;
    const reading = readingOf(parameter);
    if (!present.has(name)) {
      if (reading !== 'checked') tensors.set(name, { shape: needed, data: new Float32Array(elementCount(needed)) });
      continue;
    }
    const tensor = reading === 'widened' ? await file.read(name) : await file.readAsStored(name);
    if (!(isHalf(tensor) ? halvesFinite(tensor) : allFinite(tensor.data))) {
      throw new UserError(`tensor "${name}" holds NaN or infinite values`, {
        where: file.label,
        remedy: 'These weights come from a run that diverged: take an earlier checkpoint of it.',
      });
    }
    if (reading !== 'checked') tensors.set(name, isHalf(tensor) ? tensor : inSingle(tensor));
  }
  return tensors;
}

const inSingle = ({ shape, data }: WeightTensor): HostTensor => ({
  shape,
  data: data instanceof Float32Array ? data : Float32Array.from(data),
});

/** The parts of a model that are needed to read its weights. */
export interface PretrainedModel {
  readonly parameters: readonly ParameterSpec[];
  /** The state that is kept from call to call and stored with the parameters. */
  readonly state?: readonly ParameterSpec[];
  /** Tensors that a file may hold besides, and that nothing is computed with. */
  readonly unused?: readonly string[];
  /** Layers whose shapes follow from the data's channels and window: the lift and the last one. */
  readonly head?: readonly string[];
  readonly otherNames?: readonly OtherNames[];
}

/** Options for reading the weights of a model of fields. */
export interface PretrainedOptions {
  /** Values of all parameters, of which those of the head are taken; absent: the head is the file's. */
  readonly freshHead?: (() => HostTensors) | undefined;
  /** Told what of the file was taken, and how. */
  readonly tell?: ((note: string) => void) | undefined;
}

/**
 * The pre-trained values of a model's parameters from a safetensors file or a checkpoint of PyTorch's.
 * @throws UserError when the file can't be read, or listing every tensor that is missing, unexpected, mis-shaped or not finite.
 */
export async function readPretrained(
  path: string,
  { parameters: trained, state = [], unused = [], head = [], otherNames = [] }: PretrainedModel,
  { freshHead, tell = () => {} }: PretrainedOptions = {},
): Promise<HostTensors> {
  const parameters = [...trained, ...state];
  const stored = await openTensors(path, { remedy: 'Check `model.weights` in the run file.' });
  const unwrapped = withoutWrapper(
    stored,
    parameters.map(({ name }) => name),
  );
  const other = otherNames.find((each) => each.isNaming(unwrapped.names()));
  const file = other ? other.translate(unwrapped, parameters) : unwrapped;
  const isHead = ({ layer }: { readonly layer?: string | undefined }) => layer !== undefined && head.includes(layer);
  const inHead = new Set(parameters.filter(isHead).map(({ name }) => name));
  const drawn: HostTensors = freshHead?.() ?? new Map();
  const wanted = freshHead ? parameters.filter((each) => !isHead(each)) : parameters;
  const needed = new Set(parameters.map(({ name }) => name));
  const isPassedOver = (name: string) => !needed.has(name) && (isHarmless(name) || unused.includes(name));
  const isRead = (name: string) => !isPassedOver(name) && !(freshHead && inHead.has(name));
  const read = await readWeights({ ...file, names: () => file.names().filter(isRead) }, wanted, (wrong) =>
    remedyFor(wrong, isHead, head, wanted.length),
  );
  for (const note of file.notes ?? []) tell(note);
  const all = new Set(file.names());
  const absent = wanted.filter(({ name }) => !all.has(name)).map(({ name }) => name);
  if (absent.length > 0) tell(`${path} has no ${absent.join(', ')}: taken as zeros`);
  if (freshHead) tell(`model.head: fresh, so ${head.join(' and ')} were drawn from the seed, in place of ${path}'s`);
  return new Map(parameters.map(({ name }) => [name, (read.get(name) ?? drawn.get(name))!]));
}

const otherArchitecture =
  'Set the `model` section to the architecture these weights were trained with, or give other weights.';

function remedyFor(
  wrong: readonly Mismatch[],
  isHead: (mismatch: Mismatch) => boolean,
  head: readonly string[],
  needed: number,
): string {
  if (wrong.every((each) => each.kind === 'mis-shaped' && isHead(each))) {
    return `They are for other channels, or another window: set model.head to fresh, which draws ${head.join(' and ')} from the seed and keeps the rest, or mend the data's settings (dataset.window).`;
  }
  if (wrong.filter(({ kind }) => kind === 'missing').length === needed) {
    return "None of the file's tensors is named as one of this model's: they are another model's, or were saved under other names. Set model.family to theirs, or rename them.";
  }
  return otherArchitecture;
}
