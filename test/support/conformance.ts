import { randomFor } from '../../shared/core/random.ts';
import { openTokenizer } from '../../shared/datasets/text/tokenizer.ts';
import { inMemory, type Trajectories } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { modelOf } from '../../shared/models/hugging-face/config.ts';
import { freshAdapter, newAdapterConfig, withLora } from '../../shared/models/lora.ts';
import type { FieldModel } from '../../shared/models/model.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensors } from '../../shared/tensors/tensor.ts';
import { emaSchema, withAverage } from '../../shared/training/ema.ts';
import type { Optimizer } from '../../shared/training/optimizer.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import type { Problem } from '../../shared/training/problem.ts';
import { type EpochRequest, type EpochResult, trainEpoch } from '../../shared/training/train-epoch.ts';
import { pairProblem } from '../../shared/training/workloads/few-shot.ts';
import { type TokenizedTexts, textProblem } from '../../shared/training/workloads/text-problem.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';
import { fixturePath } from './fixtures.ts';

/** What fields are predicted from, and how far. */
export const [window, rolloutSteps] = [3, 2];

/** A model of fields and how it is trained. */
export interface FieldSetup {
  readonly family: string;
  readonly space: readonly number[];
  readonly optimizer: string;
  readonly ema?: { readonly decay: number };
  readonly settings?: Readonly<Record<string, unknown>>;
}

const fnoSettings = { modes: 3, width: 4, projection: 8 };
const settingsOf = ({ family, settings }: FieldSetup) => ({
  ...(family.startsWith('fno') ? fnoSettings : family.startsWith('unet') ? { initFeatures: 2 } : { width: 4 }),
  ...settings,
});

/** What is trained, how, and on what. */
export interface Prepared {
  readonly optimizer: Optimizer;
  readonly parameters: HostTensors;
  /** The same one for the same batches. */
  problem(batches: Batches): Problem;
}

interface Batches {
  readonly batchSize: number;
  readonly accumulate?: number;
}

/** A function that makes the same problem for the same batches. */
function kept(make: (batches: Batches) => Problem): (batches: Batches) => Problem {
  const problems = new Map<string, Problem>();
  return (batches) => {
    const key = JSON.stringify(batches);
    const made = problems.get(key) ?? make(batches);
    problems.set(key, made);
    return made;
  };
}

export function setUp(setup: FieldSetup): Prepared & { model: FieldModel } {
  const { family, space, optimizer, ema } = setup;
  const model = buildModel(fieldModelSchema.parse({ family, ...settingsOf(setup) }), {
    kind: 'trajectories',
    space,
    channels: 1,
    window,
  });
  const built = withAverage(buildOptimizer(optimizerSchema.parse({ name: optimizer })), ema && emaSchema.parse(ema));
  const problem = kept((batches) =>
    trajectoryProblem({ model, data: fields(space), window, rolloutSteps, seed: 1, ...batches }),
  );
  return { model, optimizer: built, parameters: model.initialise(randomFor(3, 'initialise')), problem };
}

/** Smooth fields, five of them a batch of two leaves one over. */
export function fields(space: readonly number[]): Trajectories {
  const shape = [5, ...space, window + rolloutSteps, 1];
  const [points, time] = [elementCount(space), window + rolloutSteps];
  const values = Float32Array.from({ length: elementCount(shape) }, (_, index) => {
    const [t, point, sample] = [index % time, Math.floor(index / time) % points, Math.floor(index / time / points)];
    return Math.sin((2 * Math.PI * point) / points + sample) * Math.exp(-0.1 * t);
  });
  const grid = Float32Array.from({ length: points * space.length }, (_, index) => index / (points * space.length));
  return inMemory(
    {
      kind: 'trajectories',
      shape,
      grid: { shape: [...space, space.length], values: grid },
      channels: ['u'],
      rows: [0, 1, 2, 3, 4],
    },
    { values },
  );
}

/** Three steps an epoch of batches of two; with rates of their own for some layers. */
export async function train(
  engine: Engine,
  from: Prepared,
  steps: number,
  changes: Partial<EpochRequest> & { batchSize?: number; accumulate?: number } = {},
) {
  const { optimizer, parameters } = from;
  const { batchSize = steps === 1 ? 5 : 2, accumulate = 1, ...others } = changes;
  let at: { parameters: HostTensors; state: HostTensors | undefined } = { parameters, state: undefined };
  const losses: number[] = [];
  const norms: number[] = [];
  for (let epoch = 1; losses.length < steps; epoch++) {
    const result: EpochResult = await trainEpoch({
      engine,
      problem: from.problem({ batchSize, accumulate }),
      optimizer,
      ...at,
      epoch,
      baseRate: (step) => 2e-3 / (1 + step / 20),
      weightDecay: 1e-4,
      rates: {
        'fc1.weight': { learningRate: 0.5, weightDecay: 2, rho: 2 },
        'conv1.weights1': { learningRate: 1.5, weightDecay: 0.5, rho: 0.25 },
      },
      ...others,
    });
    losses.push(...result.losses);
    norms.push(result.gradientNorm.largest);
    at = { parameters: result.parameters, state: result.state };
  }
  return { ...at, losses, norms };
}

export const moments = ({ state }: { state: HostTensors | undefined }) =>
  [...state!].filter(([name]) => name !== 'step');

/** The largest difference relative to the largest value. */
export function relative(found: Float32Array, expected: Float32Array): number {
  const [differences, size] = [found.map((value, index) => Math.abs(value - expected[index]!)), expected.map(Math.abs)];
  return Math.max(...differences) / Math.max(...size);
}

const sizes = {
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
  max_position_embeddings: 16,
};
export const bert = { model_type: 'bert', ...sizes, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
export const t5 = {
  model_type: 't5',
  d_model: 16,
  d_kv: 8,
  d_ff: 32,
  num_heads: 2,
  num_layers: 1,
  dropout_rate: 0.1,
  feed_forward_proj: 'gated-gelu',
  decoder_start_token_id: 0,
  is_encoder_decoder: true,
};
export const llama = { model_type: 'llama', ...sizes, num_key_value_heads: 1, attention_dropout: 0.1 };
const lora = { rank: 4, alpha: 8, dropout: 0.2, targets: 'all-linear', rankStabilised: false } as const;

/** A language model and how it is trained. */
export interface LanguageSetup {
  readonly config: { readonly model_type: string; readonly [key: string]: unknown };
  readonly task: 'classification' | 'causal-lm' | 'seq2seq' | 'token-classification' | 'few-shot-classification';
  readonly adapted?: boolean;
  readonly averaged?: boolean;
}

/** Softmax takes away what is added to all scores of a word alike: what is left of such a bias's gradient is rounding. */
export const hasNoGradient = (moment: string) => moment.endsWith('.key.bias');

/** What a few-shot classifier compares, and how. */
const embedding = { pooling: 'mean', normalise: false } as const;
const pairs = {
  first: Int32Array.of(0, 1, 2, 3, 4),
  second: Int32Array.of(4, 3, 0, 2, 1),
  similar: Float32Array.of(1, 1, 0, 0, 0),
};

/** A model with dropout, on five texts that are padded to two lengths. */
export async function setUpTexts({ config, task, adapted: isAdapted, averaged }: LanguageSetup): Promise<Prepared> {
  const tokenizer = await openTokenizer(fixturePath('tokenizers', 'word-piece'));
  const labels = ['a', 'b', 'c'];
  const isFewShot = task === 'few-shot-classification';
  const { model: whole } = modelOf(
    { ...config, vocab_size: tokenizer.vocabularySize, ...(isFewShot ? { sentence_embedding: embedding } : {}) },
    isFewShot ? 'classification' : task,
    labels,
    'config.json',
  );
  const base = whole.initialise(randomFor(3, 'initialise'));
  const adapted = isAdapted
    ? withLora(
        whole,
        newAdapterConfig(whole, 'base', { ...lora, alsoTrained: task === 'classification' ? ['classifier'] : [] }),
      )
    : undefined;
  const random = randomFor(4, 'texts');
  const textsOf = (lengths: readonly number[]) =>
    lengths.map((length) => Int32Array.from({ length }, () => 5 + random.integer(tokenizer.vocabularySize - 5)));
  const ids = textsOf([4, 6, 7, 5, 12]);
  const learnt: Partial<Record<LanguageSetup['task'], () => Partial<TokenizedTexts>>> = {
    classification: () => ({ labels: Int32Array.of(0, 1, 2, 1, 0) }),
    'few-shot-classification': () => ({ labels: Int32Array.of(0, 1, 2, 1, 0) }),
    'token-classification': () => ({
      words: {
        starts: ids.map(({ length }) => Int32Array.from({ length }, (_, place) => place)),
        tags: ids.map((text) => text.map((id) => id % labels.length)),
      },
    }),
    seq2seq: () => ({ targets: textsOf([3, 4, 6, 2, 5]) }),
  };
  const texts: TokenizedTexts = { ids, truncated: 0, ...learnt[task]?.() };
  const model = adapted ?? whole;
  const fixed = new Map(model.frozen.map(({ name }) => [name, base.get(name)!]));
  const options = { lengths: [8, 12], loss: { labelSmoothing: 0.1 }, seed: 1 };
  return {
    optimizer: averaged
      ? withAverage(buildOptimizer(optimizerSchema.parse({ name: 'muon' })), emaSchema.parse({ decay: 0.9 }))
      : buildOptimizer(optimizerSchema.parse({ name: 'adamw' })),
    parameters: adapted ? freshAdapter(adapted, base, random) : base,
    problem: kept(({ batchSize, accumulate = 1 }) =>
      isFewShot
        ? pairProblem({ model, tokenizer, texts }, pairs, { ...options, batchSize, accumulate, embedding })
        : { ...textProblem({ model, tokenizer, texts }, { ...options, batchSize, accumulate }), fixed },
    ),
  };
}
