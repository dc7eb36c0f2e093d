/** Finds the state dict of a model among the contents of a checkpoint. */
import { UserError } from '../../core/errors.ts';
import { saveTensorsAlone } from './unpickle.ts';
import { isKind, type PickledTensor, type PickledValue } from './values.ts';

/** Keys under which training scripts keep a model's weights. */
const usualKeys: ReadonlySet<string> = new Set([
  'model_state_dict',
  'state_dict',
  'model',
  'model_state',
  'module',
  'net',
  'network',
  'params',
  'weights',
]);

/** Keys under which they keep what is no model's. */
const otherKeys = /optim|sched|scaler|loss|metric|average|hyper|config|args|histor|(^|_)(ema|swa|amp|rng|logs?)(_|$)/i;

/** Dictionaries deeper than this below the top are not looked at. */
const maxDepth = 4;

/** Dictionaries that are looked at in all: one may stand in several places. */
const maxLookedAt = 10_000;

interface Candidate {
  /** Keys from the top. */
  readonly path: readonly string[];
  readonly tensors: ReadonlyMap<string, PickledTensor>;
}

const pathText = ({ path }: Candidate) => (path.length === 0 ? 'the top level' : `\`${path.join('.')}\``);
const subscripts = ({ path }: Candidate) => path.map((key) => `[${JSON.stringify(key)}]`).join('');

function tensorsIn(value: ReadonlyMap<PickledValue, PickledValue>): Map<string, PickledTensor> {
  const found = new Map<string, PickledTensor>();
  for (const [key, tensor] of value) if (typeof key === 'string' && isKind(tensor, 'tensor')) found.set(key, tensor);
  return found;
}

/** Every dictionary that has tensors by name, the top first. */
function candidatesIn(root: PickledValue): Candidate[] {
  const found: Candidate[] = [];
  const seen = new Set<PickledValue>();
  const visit = (value: PickledValue, path: readonly string[]): void => {
    if (!(value instanceof Map) || path.length > maxDepth || seen.size >= maxLookedAt || seen.has(value)) return;
    seen.add(value);
    const tensors = tensorsIn(value);
    if (tensors.size > 0) found.push({ path, tensors });
    for (const [key, inner] of value) if (typeof key === 'string') visit(inner, [...path, key]);
  };
  visit(root, []);
  return found;
}

const isUsual = ({ path }: Candidate) => path.length > 0 && path.every((key) => usualKeys.has(key));
const isOther = ({ path }: Candidate) => path.some((key) => !usualKeys.has(key) && otherKeys.test(key));

/** The one that is meant; undefined: it can't be told. */
function chosen(candidates: readonly Candidate[]): Candidate | undefined {
  const usual = candidates.filter(isUsual);
  if (usual.length > 0) return usual.length === 1 && isSure(usual[0]!, candidates) ? usual[0] : undefined;
  const likely = candidates.filter((candidate) => !isOther(candidate));
  if (likely.length !== 1) return candidates.length === 1 ? candidates[0] : undefined;
  return likely[0];
}

/** Beside what is kept under a usual key, a loss at the top or an optimizer's state means nothing; another model's weights do. */
const isSure = (usual: Candidate, candidates: readonly Candidate[]) =>
  candidates.every((each) => each === usual || each.path.length === 0 || isOther(each));

/**
 * The weights in what a checkpoint holds, and a note where they are not all of it.
 * @throws UserError when there are none, or several, naming them
 */
export function stateDictIn(
  root: PickledValue,
  label: string,
): { tensors: ReadonlyMap<string, PickledTensor>; notes: string[] } {
  const candidates = candidatesIn(root);
  if (candidates.length === 0) {
    throw new UserError(`holds ${describe(root)} and no tensors by name`, { where: label, remedy: saveTensorsAlone });
  }
  const taken = chosen(candidates);
  if (!taken) {
    const example = candidates.find(({ path }) => path.length > 0)!;
    throw new UserError(
      `holds several sets of tensors, and which one is the model's can't be told: ${candidates.map(pathText).join(', ')}`,
      {
        where: label,
        remedy: `Save the one that you mean alone, in Python e.g.: \`torch.save(torch.load(path, weights_only=True)${subscripts(example)}, "model.pt")\`.`,
      },
    );
  }
  const others = candidates.filter((each) => each !== taken && each.path.length > 0);
  const beside = others.length > 0 ? `, not those under ${others.map(pathText).join(', ')}` : '';
  const notes = taken.path.length > 0 ? [`of ${label}, the tensors under ${pathText(taken)} are taken${beside}`] : [];
  return { tensors: taken.tensors, notes };
}

function describe(value: PickledValue): string {
  if (value instanceof Map) return value.size === 0 ? 'an empty dictionary' : 'a dictionary';
  if (Array.isArray(value)) return 'a list';
  if (isKind(value, 'tuple')) return 'a tuple';
  if (isKind(value, 'tensor')) return 'a single tensor';
  return 'a plain value';
}
