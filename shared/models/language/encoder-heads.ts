import { type ActivationName, activations } from '../blocks/activations.ts';
import type { Head } from './encoder.ts';
import type { Embedding } from './model.ts';
import { biasModule, denseModule, norm } from './modules.ts';
import { perToken, scoreByTable, site } from './pass.ts';
import { firstTokens, type Pool, poolTexts } from './pool.ts';

/** A norm that follows an activation; its module has a bias unless it says otherwise. */
interface HeadNorm {
  readonly name: string;
  readonly epsilon: number;
  readonly bias?: boolean;
}

interface ClassifierOptions {
  readonly hiddenSize: number;
  readonly labels: number;
  /** One row for each text, `[batch, hidden]`; absent: its first token. */
  readonly pool?: Pool;
  /** The layer before the last one, and what follows it. */
  readonly dense: string;
  readonly denseBias?: boolean;
  readonly activation: ActivationName;
  /** After the activation; absent: none. */
  readonly norm?: HeadNorm;
  readonly output: string;
  /** Before the last layer. */
  readonly dropout: number;
  /** Before the first layer; absent: nothing is dropped there. */
  readonly firstDropout?: number;
  /** Whether the first layer belongs to the pre-trained model, as BERT's pooler does. */
  readonly pooled?: boolean;
  /** Standard deviations of fresh layers, where they are not the model's. */
  readonly deviations?: { readonly dense: number; readonly output: number };
}

/** Labels from one row for each text, by two dense layers. */
export function classifier(options: ClassifierOptions): Head {
  const { hiddenSize, labels, dense, output, dropout, firstDropout = 0, pool = firstTokens } = options;
  const spread = (layer: 'dense' | 'output') => (options.deviations ? { deviation: options.deviations[layer] } : {});
  return {
    modules: [
      denseModule(dense, hiddenSize, hiddenSize, {
        head: !options.pooled,
        perText: true,
        bias: options.denseBias ?? true,
        ...spread('dense'),
      }),
      ...(options.norm ? [norm(options.norm.name, hiddenSize, options.norm.bias)] : []),
      denseModule(output, hiddenSize, labels, { head: true, perText: true, ...spread('output') }),
    ],
    tied: [],
    readsFirst: pool === firstTokens,
    sites: (batch) => [
      ...site(dense, [batch, hiddenSize], firstDropout),
      ...site(output, [batch, hiddenSize], dropout),
    ],
    apply(pass, hidden) {
      const text = pool(pass, hidden);
      const given = firstDropout === 0 ? text : pass.drop(text, dense);
      const active = activations[options.activation](pass.tf, pass.dense(given, dense));
      const normal = options.norm ? pass.layerNorm(active, options.norm.name, options.norm.epsilon) : active;
      return pass.dense(pass.drop(normal, output), output);
    },
  };
}

interface TokenClassifierOptions {
  readonly hiddenSize: number;
  readonly labels: number;
  /** The dropout rate of the last layer's input. */
  readonly dropout: number;
  /** Standard deviation of a fresh last layer, where it is not the model's. */
  readonly deviation?: number;
  /** A layer before the last one, with what follows it, as ModernBERT has; absent: none. */
  readonly before?: {
    readonly dense: string;
    readonly bias: boolean;
    readonly activation: ActivationName;
    readonly norm: HeadNorm;
    /** Standard deviation of it when fresh. */
    readonly deviation: number;
  };
}

/** The layer that scores the labels of tokens. */
const tokenLabels = 'classifier';

/** Labels of every token, `[batch, tokens, labels]`. */
export function tokenClassifier({ hiddenSize, labels, dropout, deviation, before }: TokenClassifierOptions): Head {
  return {
    modules: [
      ...(before
        ? [
            denseModule(before.dense, hiddenSize, hiddenSize, {
              bias: before.bias,
              deviation: before.deviation,
            }),
            norm(before.norm.name, hiddenSize, before.norm.bias),
          ]
        : []),
      denseModule(tokenLabels, hiddenSize, labels, { head: true, ...(deviation === undefined ? {} : { deviation }) }),
    ],
    tied: [],
    sites: (batch, tokens) => site(tokenLabels, [batch * tokens, hiddenSize], dropout),
    apply(pass, hidden) {
      const active = before ? activations[before.activation](pass.tf, pass.dense(hidden, before.dense)) : hidden;
      const normal = before ? pass.layerNorm(active, before.norm.name, before.norm.epsilon) : active;
      return perToken(pass, pass.dense(pass.drop(normal, tokenLabels), tokenLabels));
    },
  };
}

/** The layer that scores labels by embeddings. */
const sentenceClassifier = 'sentence_classifier';

/** Labels from embeddings, by one dense layer. */
export function embeddingClassifier(hiddenSize: number, labels: number, embedding: Embedding): Head {
  return {
    modules: [denseModule(sentenceClassifier, hiddenSize, labels, { head: true, perText: true })],
    tied: [],
    readsFirst: embedding.pooling !== 'mean',
    sites: () => [],
    apply: (pass, hidden) => pass.dense(poolTexts(pass, hidden, embedding), sentenceClassifier),
  };
}

interface MaskedWordsOptions {
  readonly hiddenSize: number;
  readonly embeddingSize: number;
  readonly vocabulary: number;
  readonly dense: string;
  readonly denseBias?: boolean;
  readonly activation: ActivationName;
  readonly norm: string;
  readonly normBias?: boolean;
  readonly epsilon: number;
  /** The module whose table scores the words. */
  readonly words: string;
  /** Name of the scores' bias; absent: they have none. */
  readonly bias?: string;
  /** Standard deviation of a fresh dense layer, where it is not the model's. */
  readonly deviation?: number;
}

/** Scores of all words at every token, by the table of tokens. */
export function maskedWords(options: MaskedWordsOptions): Head {
  const { hiddenSize, embeddingSize, vocabulary, words, bias, deviation } = options;
  return {
    modules: [
      denseModule(options.dense, hiddenSize, embeddingSize, {
        bias: options.denseBias ?? true,
        ...(deviation === undefined ? {} : { deviation }),
      }),
      norm(options.norm, embeddingSize, options.normBias),
      ...(bias === undefined ? [] : [biasModule(bias, vocabulary)]),
    ],
    tied: [`${words}.weight`, ...(bias === undefined ? [] : [bias])],
    sites: () => [],
    apply(pass, hidden) {
      const active = activations[options.activation](pass.tf, pass.dense(hidden, options.dense));
      const normal = pass.layerNorm(active, options.norm, options.epsilon);
      return perToken(pass, scoreByTable(pass, normal, words, bias));
    },
  };
}
