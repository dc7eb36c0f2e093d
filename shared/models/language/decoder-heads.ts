import { z } from 'zod';
import type { Tensor } from '../../engines/engine.ts';
import { capScores } from '../blocks/attention.ts';
import { isNumber } from '../blocks/numbers.ts';
import type { DropoutSite } from '../dropout.ts';
import type { LanguageTask } from './model.ts';
import { denseModule, type Module } from './modules.ts';
import { type Pass, perToken, scoreByTable, site } from './pass.ts';
import { lastOf } from './pool.ts';

/** The head that makes logits of a decoder's output. */
export interface DecoderHead {
  readonly modules: readonly Module[];
  /** The names of parameters that are tied, as of a model. */
  readonly tied: readonly string[];
  sites(batch: number, tokens: number): readonly DropoutSite[];
  /** From `[batch * tokens, hidden]`. */
  apply(pass: Pass, hidden: Tensor): Tensor;
}

interface DecoderHeadOptions {
  readonly task: LanguageTask;
  readonly labels: number;
  readonly hiddenSize: number;
  readonly vocabulary: number;
  /** The module whose table has the embeddings. */
  readonly words: string;
  /** Whether that table scores the words. */
  readonly isTied: boolean;
  /** The number that stands for padding, where there is one. */
  readonly padding: number | undefined;
  /** The soft cap of the scores of words. */
  readonly cap?: number | undefined;
  /** The options of the layer that scores the labels of tokens. */
  readonly ofTokens: TokenScores;
}

/** The layer that scores the labels of tokens. */
export interface TokenScores {
  readonly name: string;
  readonly bias: boolean;
  /** The dropout rate of its input. */
  readonly dropout: number;
}

/** What a decoder's `config.json` may say of the layer that scores the labels of tokens. */
export const tokenScoresConfig = {
  classifier_dropout: z.number().min(0).lt(1).nullish(),
  hidden_dropout: z.number().min(0).lt(1).nullish(),
};

/** The dropout rate before that layer, as `transformers` has it. */
export const tokenDropout = ({
  classifier_dropout: own,
  hidden_dropout: hidden,
}: z.infer<z.ZodObject<typeof tokenScoresConfig>>): number => own ?? hidden ?? 0.1;

const [words, labels] = ['lm_head', 'score'];

/** Scores of every word at every token, of the labels at every token, or of the labels at the last token of each text. */
export function decoderHead(options: DecoderHeadOptions): DecoderHead {
  const { task, hiddenSize, isTied } = options;
  if (task === 'classification') {
    return {
      modules: [denseModule(labels, hiddenSize, options.labels, { bias: false, head: true, perText: true })],
      tied: [],
      sites: () => [],
      apply: (pass, hidden) => pass.dense(lastTokens(pass, hidden, options.padding), labels),
    };
  }
  if (task === 'token-classification') {
    const { name, bias, dropout } = options.ofTokens;
    return {
      modules: [denseModule(name, hiddenSize, options.labels, { bias, head: true })],
      tied: [],
      sites: (batch, tokens) => site(name, [batch * tokens, hiddenSize], dropout),
      apply: (pass, hidden) => perToken(pass, pass.dense(pass.drop(hidden, name), name)),
    };
  }
  return {
    modules: isTied ? [] : [denseModule(words, hiddenSize, options.vocabulary, { bias: false })],
    tied: isTied ? [`${options.words}.weight`] : [],
    sites: () => [],
    apply(pass, hidden) {
      const scores = isTied ? scoreByTable(pass, hidden, options.words) : pass.dense(hidden, words);
      return perToken(pass, capScores(pass.tf, scores, options.cap));
    },
  };
}

/**
 * The last token of every text, `[batch * tokens, size]` to `[batch, size]`: as in `transformers` the last one that is not the number
 * of padding, the first where all are; without such a number the last one that the mask has.
 */
function lastTokens(pass: Pass, hidden: Tensor, padding: number | undefined): Tensor {
  const { tf, given } = pass;
  const isToken =
    padding === undefined
      ? tf.cast(given.attentionMask, 'float32')
      : tf.sub(1, isNumber(tf, tf.cast(given.inputIds, 'int32'), padding));
  return lastOf(pass, hidden, isToken);
}
