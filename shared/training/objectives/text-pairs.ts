/** Learning from pairs of texts which are alike. Source: CosineSimilarityLoss of sentence-transformers, which SetFit takes by default. */
import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import type { Dropout } from '../../models/dropout.ts';
import { fittedHead, trainedBody } from '../../models/fitted-head.ts';
import type { Embedding, LanguageModel, TokenBatch } from '../../models/language/model.ts';
import { normaliseRows } from '../../models/language/pool.ts';
import type { Objective } from '../problem.ts';
import { dropoutIn, textsOf } from './language.ts';

/** Texts of `[2 * pairs, tokens]`, the first ones of all pairs before the second ones. */
interface PairBatch extends TokenBatch {
  /** The target of the cosine of the two embeddings, `[pairs]`. */
  readonly similar: Tensor;
}

/** The mean squared error between the cosines of pairs' embeddings and what they should be. */
function pairLoss(
  tf: TensorLibrary,
  model: LanguageModel,
  parameters: NamedTensors,
  { similar, ...texts }: PairBatch,
  dropout: Dropout,
  embedding: Embedding,
): Tensor {
  const embeddings = normaliseRows(tf, model.embed!(tf, parameters, texts, dropout, embedding));
  const [rows, size] = embeddings.shape as [number, number];
  const first = tf.slice(embeddings, [0, 0], [rows / 2, size]);
  const second = tf.slice(embeddings, [rows / 2, 0], [rows / 2, size]);
  return tf.mean(tf.square(tf.sub(tf.sum(tf.mul(first, second), 1), similar)));
}

/**
 * `pairLoss` of the inputs of `textsOf`, `similar`, and dropout's masks. The head is kept beside what is trained, as it is.
 * @param recomputes whether blocks are computed again for the gradient
 */
export function pairObjective(model: LanguageModel, embedding: Embedding, recomputes = false): Objective {
  return {
    parameters: trainedBody(model),
    state: fittedHead(model),
    loss(tf, parameters, { fixed, inputs }) {
      const batch = { ...textsOf(inputs), similar: inputs.similar!, recomputes };
      return pairLoss(tf, model, { ...fixed, ...parameters }, batch, dropoutIn(tf, inputs), embedding);
    },
  };
}
