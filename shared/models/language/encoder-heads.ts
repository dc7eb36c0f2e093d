import { type ActivationName, activations } from '../blocks/activations.ts';
import { firstTokens, type Head } from './encoder.ts';
import { biasModule, denseModule, norm } from './modules.ts';
import { perToken, scoreByTable, site } from './pass.ts';

interface ClassifierOptions {
  readonly hiddenSize: number;
  readonly labels: number;
  /** The layer before the last one, and what follows it. */
  readonly dense: string;
  readonly activation: ActivationName;
  readonly output: string;
  /** Before the last layer, and before the first where the model drops there too. */
  readonly dropout: number;
  readonly dropFirst?: boolean;
  /** Whether the first layer belongs to the pre-trained model, as BERT's pooler does. */
  readonly pooled?: boolean;
}

/** Labels from the first token, by two dense layers. */
export function classifier(options: ClassifierOptions): Head {
  const { hiddenSize, labels, dense, output, dropout, dropFirst = false } = options;
  return {
    modules: [
      denseModule(dense, hiddenSize, hiddenSize, { head: !options.pooled, perText: true }),
      denseModule(output, hiddenSize, labels, { head: true, perText: true }),
    ],
    tied: [],
    sites: (batch) => [
      ...(dropFirst ? site(dense, [batch, hiddenSize], dropout) : []),
      ...site(output, [batch, hiddenSize], dropout),
    ],
    apply(pass, hidden) {
      const first = firstTokens(pass, hidden);
      const given = dropFirst ? pass.drop(first, dense) : first;
      const active = activations[options.activation](pass.tf, pass.dense(given, dense));
      return pass.dense(pass.drop(active, output), output);
    },
  };
}

interface MaskedWordsOptions {
  readonly hiddenSize: number;
  readonly embeddingSize: number;
  readonly vocabulary: number;
  readonly dense: string;
  readonly activation: ActivationName;
  readonly norm: string;
  readonly epsilon: number;
  /** The module whose table scores the words. */
  readonly words: string;
  /** Name of the scores' bias. */
  readonly bias: string;
}

/** Scores of all words at every token, by the table of tokens. */
export function maskedWords(options: MaskedWordsOptions): Head {
  const { hiddenSize, embeddingSize, vocabulary, words, bias } = options;
  return {
    modules: [
      denseModule(options.dense, hiddenSize, embeddingSize),
      norm(options.norm, embeddingSize),
      biasModule(bias, vocabulary),
    ],
    tied: [`${words}.weight`, bias],
    sites: () => [],
    apply(pass, hidden) {
      const active = activations[options.activation](pass.tf, pass.dense(hidden, options.dense));
      const normal = pass.layerNorm(active, options.norm, options.epsilon);
      return perToken(pass, scoreByTable(pass, normal, words, bias));
    },
  };
}
