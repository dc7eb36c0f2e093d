/** The work of training a language model on a text, by its sizes. */
import { elementCount } from '../../tensors/tensor.ts';
import { type DenseLayer, hasLabels, type LanguageModel } from './model.ts';

/** The work that a text takes. */
export interface TextWork {
  /** Floating-point operations of a forward pass, the gradient of what goes into each layer, and the gradient of weights that are trained. */
  readonly flops: number;
  /** Numbers that the forward pass keeps for the gradient, about. */
  readonly activations: number;
}

/** The table by which words are scored, as a dense layer; undefined: the scores have a layer of their own, or there are none. */
function scoringTable({ tied, parameters, frozen }: LanguageModel): DenseLayer | undefined {
  const table = [...parameters, ...frozen].find(({ name, shape }) => tied.includes(name) && shape.length === 2);
  if (!table) return undefined;
  const [outputs, inputs] = table.shape as [number, number];
  return { name: table.name.replace(/\.weight$/, ''), inputs, outputs, perTarget: true };
}

/**
 * The work of a text of so many tokens, padding included.
 * @param options.targets tokens that an encoder-decoder writes of it, padding included; absent: as many
 * @param options.recomputes whether blocks keep nothing but what they are given, and are computed again
 */
export function textWork(
  model: LanguageModel,
  tokens: number,
  {
    targets = tokens,
    recomputes = false,
  }: { readonly targets?: number | undefined; readonly recomputes?: boolean } = {},
): TextWork {
  const { attention, dense, parameters, vocabulary } = model;
  const table = scoringTable(model);
  const layers = table ? [...dense, table] : dense;
  const trained = new Set(parameters.map(({ name }) => name));
  const rowsOf = ({ perText, perTarget, rows = perTarget ? targets : tokens, again = [] }: DenseLayer) =>
    again.reduce((sum, use) => sum + (use.perText ? 1 : (use.rows ?? tokens)), perText ? 1 : rows);
  const ofDecoder = (attention.decoderBlocks ?? 0) * (targets ** 2 + targets * tokens);
  const unread = attention.endsWithFirst ? tokens ** 2 - tokens : 0;
  const pairs = attention.blocks * tokens ** 2 - unread + ofDecoder;
  // Queries with keys, and weights with values, each with the gradients of both.
  const attending = 2 * 3 * 2 * attention.heads * attention.headSize * pairs;
  const flops = layers.reduce((sum, layer) => {
    const products = trained.has(`${layer.name}.weight`) ? 3 : 2;
    return sum + products * 2 * rowsOf(layer) * layer.inputs * layer.outputs;
  }, attending);
  // Each layer keeps what it is given, and what follows it keeps its result.
  const kept = layers.reduce((sum, layer) => sum + rowsOf(layer) * (layer.inputs + layer.outputs), 0);
  const weights = attention.heads * pairs;
  // Where elements are dropped, which ones, and what is left.
  const masks = model.dropoutSites(1, tokens, targets).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  // Of the words' scores their exponentials too, and the gradient.
  const scores = hasLabels(model.task) ? 0 : 2 * targets * vocabulary;
  if (!recomputes) return { flops, activations: kept + weights + 2 * masks + scores };
  const again = dense.reduce((sum, layer) => sum + 2 * rowsOf(layer) * layer.inputs * layer.outputs, attending / 3);
  // What each block is given, and all of the block whose gradient is being taken.
  const held = attention.blocks * Math.max(tokens, targets) * attention.heads * attention.headSize;
  // A last block that is computed for one token has next to nothing of it.
  const whole = Math.max(1, attention.blocks - (attention.endsWithFirst ? 1 : 0));
  return { flops: flops + again, activations: held + masks + scores + (kept + weights + masks) / whole };
}
