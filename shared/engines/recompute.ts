/** Gradient checkpointing: what is not kept for the gradient but computed again for it. Source: Chen et al. (2016), arXiv 1604.06174. */
import type { Tensor, TensorLibrary } from './engine.ts';

/** The tensor library's record of an operation, for the gradient. */
type Noted = ReturnType<TensorLibrary['engine']>['state']['activeTape'][number];

/**
 * The kernel that gives `x` for what is computed after `other`. Engines that compute a step as they are told do without it; one that compiles it would otherwise find the same
 * operations on the same tensors twice, and compute them once.
 */
export const afterKernel = 'After';

function after(tf: TensorLibrary, x: Tensor, other: Tensor): Tensor {
  const inputs = { x, other } as never;
  return tf.getKernel(afterKernel, tf.getBackend()) ? (tf.engine().runKernel(afterKernel, inputs) as Tensor) : x;
}

/** Tensors that the library frees once the loss is computed. */
function freedAfterLoss({ scopeStack }: ReturnType<TensorLibrary['engine']>['state']): Set<number> {
  const from = scopeStack.findLastIndex(({ name }) => name === 'forward');
  return new Set(scopeStack.slice(Math.max(0, from)).flatMap(({ track }) => track.map(({ id }) => id)));
}

/**
 * `block(x)`, of which nothing is kept for the gradient but `x` and what else the block is given: where a gradient is taken, the block is computed
 * once more for it.
 * @param block pure; it may take other tensors by closure, and their gradients are taken too. Nothing but its result may be used outside.
 */
export function recomputed(tf: TensorLibrary, block: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const engine = tf.engine();
  const { state } = engine;
  if (state.gradientDepth === 0) return block(x);
  const first = state.activeTape.length;
  const y = tf.tidy(() => block(x));
  const noted = state.activeTape.splice(first);
  for (const tensor of noted.flatMap(({ saved }) => saved ?? [])) tensor.dispose();
  const own = new Set(noted.flatMap(({ outputs }) => outputs.map(({ id }) => id)));
  const given = new Map(
    noted.flatMap(({ inputs }) =>
      Object.values(inputs).flatMap((tensor) => (own.has(tensor.id) ? [] : [[tensor.id, tensor] as const])),
    ),
  );
  const freed = freedAfterLoss(state);
  const saved = [...given.values()].filter((tensor) => freed.has(tensor.id) && !tensor.kept);
  for (const tensor of saved) tf.keep(tensor);
  const node: Noted = {
    id: state.nextTapeNodeId++,
    kernelName: 'Recomputed',
    inputs: Object.fromEntries([...given.values()].map((tensor, index) => [String(index), tensor])),
    outputs: [y],
    saved,
    // Called on a copy whose inputs are those that gradients are wanted of.
    gradient(this: Noted, [dy]: Tensor[]) {
      const wanted = Object.entries(this.inputs);
      const again = after(tf, x, dy!);
      const isAnother = (tensor: Tensor) => tensor.id === x.id && again !== x;
      const twice = wanted.some(([, tensor]) => isAnother(tensor)) ? [x] : [];
      const of = [...wanted.map(([, tensor]) => (isAnother(tensor) ? again : tensor)), ...twice];
      const outer = state.activeTape;
      const { grads } = engine.gradients(() => block(again), of, dy, true) as { grads: (Tensor | undefined)[] };
      state.activeTape = outer;
      // What a block takes of x besides what it is called with.
      const more = twice.length > 0 ? grads[wanted.length] : undefined;
      return Object.fromEntries(
        wanted.map(([name, tensor], index) => [
          name,
          () => {
            const gradient = grads[index];
            if (isAnother(tensor) && gradient && more) return tf.add(gradient, more);
            return gradient ?? (isAnother(tensor) ? more : undefined) ?? tf.zerosLike(tensor);
          },
        ]),
      );
    },
  };
  state.activeTape.push(node);
  return y;
}
