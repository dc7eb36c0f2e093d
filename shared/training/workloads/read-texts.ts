/** Rows as what each task learns of them: tokens, with labels, tags or targets. */
import type { TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import { type LanguageModel, type LanguageTask, taskOfModel } from '../../models/language/model.ts';
import type { LanguageModelConfig } from '../../models/language/settings.ts';
import type { EvaluationData } from '../workload.ts';
import type { Classes } from './classes.ts';
import { tagsToLearn } from './tags-to-learn.ts';
import type { TokenizedTexts } from './text-problem.ts';
import { guessable, unreadWarning } from './unread-texts.ts';
import { type CausalSettings, wordsToLearn } from './words-to-learn.ts';
import { wordsToWrite } from './words-to-write.ts';

interface Options {
  readonly kind: 'training' | EvaluationData;
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly settings: LanguageModelConfig;
  readonly causal?: CausalSettings | undefined;
  /** The classes, where texts have labels. */
  readonly classes: Classes | undefined;
  readonly seed: number;
  /** The path of the data, for messages. */
  readonly path: string;
}

/** The texts as tokens, and sentences about them for the user. */
type Texts = TokenizedTexts & { readonly warnings: readonly string[] };

const readers: Readonly<Record<LanguageTask, (rows: TextRows, options: Options) => Promise<Texts>>> = {
  async classification(rows, options) {
    const { tokenizer, kind, classes } = options;
    const texts = withLabels(await tokens(rows, options), rows, classes!);
    return { ...texts, warnings: unreadWarning(rows, texts, tokenizer, `${kind} `) };
  },
  async 'causal-lm'(rows, { causal, kind, seed, ...options }) {
    const packingSeed = kind === 'training' ? seed : undefined;
    const { warnings, ...texts } = await wordsToLearn(rows, { ...options, ...causal, packingSeed });
    return { ...texts, warnings: warnings.map((warning) => `${kind} data: ${warning}`) };
  },
  async 'masked-lm'(rows, options) {
    const { tokenizer, kind, path } = options;
    const texts = await tokens(rows, options);
    const unread = unreadWarning(rows, texts, tokenizer, `${kind} `);
    return {
      ...guessable(texts, tokenizer, { kind, path }),
      warnings: unread.map((found) => `${found}; nothing of them can be guessed, so they are left out`),
    };
  },
  seq2seq: wordsToWrite,
  'token-classification': (rows, { settings: { maxTokens }, classes, ...options }) =>
    tagsToLearn(rows, { ...options, maxTokens, places: classes!.places }),
};

/** @throws UserError when a row can't be read as its task needs it, or nothing is left to be learnt. */
export function readTexts(rows: TextRows, options: Options): Promise<Texts> {
  return readers[taskOfModel(options.settings.task)](rows, options);
}

const tokens = (rows: TextRows, { model, tokenizer, settings }: Options): Promise<TokenizedTexts> =>
  tokenizer.encode(rows.texts, rows.pairs, { maxLength: settings.maxTokens, rows: model.vocabulary });

function withLabels(
  texts: TokenizedTexts,
  { labels, labelSets, numbers }: TextRows,
  { places, names }: Classes,
): TokenizedTexts {
  if (numbers) return { ...texts, numbers };
  if (labels) return { ...texts, labels: Int32Array.from(labels, (label) => places[label]!) };
  const sets = labelSets!.map((set) => set.map((label) => places[label]!));
  return { ...texts, labelSets: { sets, classes: names.length } };
}
