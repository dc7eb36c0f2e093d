import type { z } from 'zod';
import type { Random } from '../../core/random.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import type { Layer, ParameterSpec } from '../../tensors/layer.ts';
import type { HostTensors } from '../../tensors/tensor.ts';
import type { PackedRows } from '../blocks/packed.ts';
import type { Dropout, DropoutSite } from '../dropout.ts';

/** The tasks that a language model can be trained for. */
export const languageTasks = ['classification', 'causal-lm', 'masked-lm', 'seq2seq', 'token-classification'] as const;
export type LanguageTask = (typeof languageTasks)[number];

/** Whether models for a task score labels: of texts, or of their words. */
export const hasLabels = (task: LanguageTask): boolean => task === 'classification' || task === 'token-classification';

/** What a run may train a language model for: some tasks differ from another in how they are learnt alone. */
export const trainedTasks = [...languageTasks, 'few-shot-classification'] as const;
export type TrainedTask = (typeof trainedTasks)[number];

/** The task of the model that comes of it. */
export const taskOfModel = (task: TrainedTask): LanguageTask =>
  task === 'few-shot-classification' ? 'classification' : task;

/** How a text becomes one row: the mean of its tokens, or the first one. */
export const poolings = ['mean', 'cls'] as const;

/** The way in which texts are embedded. */
export interface Embedding {
  readonly pooling: (typeof poolings)[number];
  /** Whether rows have the length 1. */
  readonly normalise: boolean;
}

/** A batch of texts on the engine. */
export interface TokenBatch {
  /** Numbers of tokens, `[batch, tokens]`. */
  readonly inputIds: Tensor;
  /** 1 for tokens, 0 for padding, `[batch, tokens]`. */
  readonly attentionMask: Tensor;
  /** Which of two joined texts a token is of, `[batch, tokens]`; absent: the first. Models without a table of types don't look at it. */
  readonly tokenTypeIds?: Tensor;
  /** Whether blocks keep nothing for the gradient but what they are given; absent: no. */
  readonly recomputes?: boolean;
  /** Where several texts share a row, which only decoders take; absent: a row is a text. */
  readonly packed?: PackedRows | undefined;
  /** What the decoder of an encoder-decoder is given, `[batch, targets]`; absent: the texts themselves, each token one place later. */
  readonly decoderIds?: Tensor;
}

/**
 * What an adapter adds to the output of a dense layer `module` on `x` `[rows, in]`; undefined where it adds nothing.
 * @param again which of the layer's further uses this is; absent: its first
 */
export type DenseUpdate = (x: Tensor, module: string, again?: string) => Tensor | undefined;

/** A further use of a weight in a forward pass. */
export interface FurtherUse {
  readonly name: string;
  /** As `perText` of a `DenseLayer`. */
  readonly perText?: boolean;
  readonly rows?: number;
}

/** A dense layer of a model, on which an adapter can be put. */
export interface DenseLayer {
  /** The name of the module, e.g. `bert.pooler.dense`. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether the weight is `[in, out]` instead of `[out, in]`. */
  readonly inputsFirst?: boolean;
  /** Whether it is applied to a row for each text instead of one for each token. */
  readonly perText?: boolean;
  /** The number of rows that it is applied to, where that is always the same. */
  readonly rows?: number;
  /** Whether it is applied to a row for each token of what an encoder-decoder writes. */
  readonly perTarget?: boolean;
  /** Further uses of the same weight in a forward pass, each under a name of its own; absent: none. */
  readonly again?: readonly FurtherUse[];
}

/** Sizes of the attention in each block of a model. */
export interface AttentionShape {
  readonly blocks: number;
  readonly heads: number;
  readonly headSize: number;
  /** Whether the last block attends from the first token alone, because nothing else of it is read; absent: no. */
  readonly endsWithFirst?: boolean;
  /** Blocks of the decoder of an encoder-decoder, which attend to what is written and to the text; they are not among `blocks`. */
  readonly decoderBlocks?: number;
}

/** The part of an encoder-decoder that writes texts. */
export interface Writing {
  /** The numbers of the token that its decoder begins with, and of that which ends what is written. */
  readonly start: number;
  readonly end: number;
}

/** Texts of which some is written. */
export interface WrittenSoFar {
  /** The output of `encode` for the texts. */
  readonly hidden: Tensor;
  /** The attention mask of the texts. */
  readonly attentionMask: Tensor;
  /** The token that the decoder begins with and what is written, `[batch, targets]`. */
  readonly decoderIds: Tensor;
  /** 1 at the place whose next word is wanted, 0 elsewhere, `[targets]`, float32. */
  readonly at: Tensor;
}

/** A transformer and the head of a task. */
export interface LanguageModel {
  readonly task: LanguageTask;
  /** The trained parameters. */
  readonly parameters: readonly ParameterSpec[];
  /** What `forward` needs besides and nothing changes: the base of an adapter. */
  readonly frozen: readonly ParameterSpec[];
  readonly layers: readonly Layer[];
  readonly dense: readonly DenseLayer[];
  readonly attention: AttentionShape;
  /** Size of the vocabulary: numbers of tokens are smaller. */
  readonly vocabulary: number;
  /** Longest text, in tokens. */
  readonly maxTokens: number;
  /** Of a model that scores words by the table of their embeddings: that table, and the scores' bias. */
  readonly tied: readonly string[];
  /** The number that stands for padding, where the configuration names one. */
  readonly padding: number | undefined;
  /** The writing part of an encoder-decoder that learns to write texts. */
  readonly writing?: Writing;
  /** The number of a token that every text needs: labels are learnt from the last one; absent: there is none. */
  readonly end?: number;
  /**
   * Seeded values of every parameter, frozen ones included, as `transformers` draws them for a model without weights.
   * @param names those that are wanted; absent: all
   */
  initialise(random: Random, names?: ReadonlySet<string>): HostTensors;
  /**
   * Everywhere that elements are dropped in training on `batch` texts of `tokens` tokens.
   * @param targets tokens that an encoder-decoder writes of each; absent: as many
   */
  dropoutSites(batch: number, tokens: number, targets?: number): readonly DropoutSite[];
  /**
   * Logits `[batch, labels]` of a classifier of texts, `[batch, tokens, labels]` of one of tokens, `[batch, tokens, vocabulary]` of the others, where an encoder-decoder writes
   * `[batch, targets, vocabulary]`. Pure: depends on nothing but its
   * arguments.
   * @param parameters trained and frozen ones
   */
  forward(
    tf: TensorLibrary,
    parameters: NamedTensors,
    batch: TokenBatch,
    dropout: Dropout,
    update?: DenseUpdate,
  ): Tensor;
  /** Of an encoder-decoder that writes: what its encoder makes of texts, `[batch * tokens, hidden]`. Pure as `forward`, without dropout. */
  encode?(tf: TensorLibrary, parameters: NamedTensors, batch: TokenBatch, update?: DenseUpdate): Tensor;
  /** Of an encoder-decoder that writes: scores of the next word, `[batch, vocabulary]`. Pure as `forward`, without dropout. */
  nextWord?(tf: TensorLibrary, parameters: NamedTensors, written: WrittenSoFar, update?: DenseUpdate): Tensor;
  /** Texts as rows, `[batch, hidden]`, by the encoder alone; absent: the model has no encoder. Pure as `forward`. */
  embed?(
    tf: TensorLibrary,
    parameters: NamedTensors,
    batch: TokenBatch,
    dropout: Dropout,
    embedding: Embedding,
    update?: DenseUpdate,
  ): Tensor;
}

/** The settings of a model besides its configuration. */
export interface LanguageSettings {
  readonly task: LanguageTask;
  /** Labels of a classifier, of texts or of tokens. */
  readonly labels: number;
  /** Hugging Face's name of the kind, e.g. `camembert`. */
  readonly modelType: string;
  /** The configuration's file, for messages. */
  readonly where: string;
  /** Of a classifier that is a linear layer on such embeddings; absent: it has the head of its kind. */
  readonly embedding?: Embedding;
}

/** The names that a family's weights have in files. */
export interface WeightNames {
  /** Before the names of everything but heads; checkpoints of a model without a head lack it. */
  readonly prefix: string;
  /** Before the names in files of the kind's models for other tasks, where this one's have none; absent: they have the same. */
  readonly otherPrefix?: string;
  /** Of tensors that are left out: of other tasks' heads, and what can be computed. */
  readonly ignored: readonly string[];
}

/** The number of blocks that a configuration asks for. */
export interface Depth {
  /** The configuration's key that says so. */
  readonly key: string;
  /** Blocks with numbers of their own in the names of the weights. */
  readonly stored: number;
  /** How often blocks are computed, where weights are shared; absent: each once. */
  readonly computed?: number;
  /** Of an encoder-decoder: blocks of its encoder, which some files have alone, and whether they are all that the task needs. */
  readonly ofEncoder?: { readonly stored: number; readonly suffices: boolean };
}

/** Of kinds whose table of embeddings scores words unless a file has other weights for the scores, whatever the configuration says. */
export interface TyingByWeights {
  /** Names of the two in files. */
  readonly table: string;
  readonly scores: string;
  /** The keys by which a configuration says whether weights are tied. */
  described(config: Readonly<Record<string, unknown>>, isTied: boolean): Readonly<Record<string, unknown>>;
}

/** A family of language models: one file, one line in the registry. */
export interface LanguageFamily<Config = unknown> {
  /** Hugging Face's names of kinds with this layout, with the prefix of their classes. */
  readonly kinds: Readonly<Record<string, string>>;
  /** The ends of the classes' names, by task. */
  readonly heads: Readonly<Partial<Record<LanguageTask, string>>>;
  /** The names of weights, for all tasks or by task. */
  readonly names: WeightNames | ((task: LanguageTask) => WeightNames);
  /** Absent: the configuration says whether words are scored by the table of their embeddings. */
  readonly tiedByWeights?: TyingByWeights;
  /** Whether its models are encoders, whose output can be pooled; absent: no. */
  readonly isEncoder?: boolean;
  /** Ends of the names of layers that LoRA adapts where none are named: PEFT's. */
  readonly loraTargets: readonly string[];
  /** What is read of `config.json`: its keys are obeyed, or refused with a value that can't be; all others have to be harmless. */
  readonly configSchema: z.ZodType<Config> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  /** Looked at before `build` is called. */
  depth(config: Config, task: LanguageTask): Depth;
  /** What the `config.json` of a trained model has to say besides, for `transformers` to load it; absent: nothing. */
  exported?(config: Config, task: LanguageTask): Readonly<Record<string, unknown>>;
  /** @throws UserError when the configuration asks for what is not supported. */
  build(config: Config, settings: LanguageSettings): LanguageModel;
}
