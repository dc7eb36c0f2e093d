/** Pre-training, tuning and the runs that count; what is finished is kept in a folder and not done again. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pretrainBert } from '../../examples/pretrain-bert.ts';
import { type Trained, train } from '../../examples/train.ts';
import { type RunConfig, runFileSchema } from '../../shared/config/run-file.ts';
import { randomFor } from '../../shared/core/random.ts';
import type { Corpus } from './documents.ts';
import type { Document } from './packages.ts';
import {
  type Arm,
  arms,
  bestRate,
  epochsFor,
  type PlannedRun,
  type StudySettings,
  testRuns,
  tuningRuns,
} from './plan.ts';
import type { LevelResult } from './results.ts';
import { drawPerLabel, splitDocuments } from './split.ts';

export interface StudyResult {
  readonly corpus: { readonly name: Corpus['name']; readonly documents: number; readonly sha256: string };
  readonly settings: StudySettings;
  readonly labels: readonly string[];
  /** Documents with these labels that could be learnt from. */
  readonly labelled: number;
  readonly pretraining: Trained;
  readonly levels: readonly LevelResult[];
}

const digest = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');

const jsonl = (documents: readonly Document[]) =>
  documents.map(({ text, label }) => `${JSON.stringify({ text, label })}\n`).join('');

/** What `make` gives, from a file where it was made before. */
async function kept<Value>(path: string, make: () => Promise<Value>): Promise<Value> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text !== undefined) return JSON.parse(text) as Value;
  const value = await make();
  await writeFile(`${path}.tmp`, `${JSON.stringify(value)}\n`);
  await rename(`${path}.tmp`, path);
  return value;
}

/** The settings of a fine-tuning. */
function runConfig(
  { arm, rate, seed, name }: PlannedRun,
  paths: { model: string; training: string; evaluation: string; runs: string },
  { settings, epochs, labels }: { settings: StudySettings; epochs: number; labels: readonly string[] },
): RunConfig {
  return runFileSchema.parse({
    model: { family: 'huggingface', folder: paths.model, maxTokens: settings.size.maxTokens, lengths: 2 },
    dataset: { format: 'jsonl', path: paths.training, validationPath: paths.evaluation, labels },
    training: {
      epochs,
      batchSize: settings.batchSize,
      learningRate: rate,
      optimizer: { name: 'adamw' },
      schedule: { name: 'linear', warmUpRatio: 0.1 },
      weightDecay: 0.01,
      seed,
    },
    balance: arm === 'plain' ? 'off' : { preset: 'modelBalancing' },
    output: { folder: paths.runs, name, keep: 1 },
  });
}

/**
 * Does the study, or the rest of it.
 * @param cache gets a folder for these settings and documents
 * @param say told what is done, in a line
 */
export async function doStudy(
  corpus: Corpus,
  settings: StudySettings,
  { cache, say }: { cache: string; say: (line: string) => void },
): Promise<StudyResult> {
  const { seed, size, pretraining } = settings;
  const order = randomFor(seed, 'documents').permutation(corpus.documents.length);
  const documents = order.slice(0, settings.documents).map((index) => corpus.documents[index]!);
  const sha256 = digest(documents);
  const folder = join(cache, `${corpus.name}-${digest([sha256, settings]).slice(0, 12)}`);
  const at = (...names: string[]) => join(folder, ...names);
  await Promise.all(['runs', 'results', 'data'].map((name) => mkdir(at(name), { recursive: true })));
  const split = splitDocuments(documents, settings);
  const { labels, training, validation, test } = split;
  const labelled = training.filter(({ label }) => labels.includes(label)).length;
  say(`${documents.length} documents (${corpus.name}), ${labels.length} labels, ${labelled} labelled to learn from`);
  say(`kept in ${folder}`);
  await writeFile(at('data', 'validation.jsonl'), jsonl(validation));
  await writeFile(at('data', 'test.jsonl'), jsonl(test));

  const pretrained = await kept(at('results', 'pre-training.json'), async () => {
    // A model without its result is of a process that ended between the two.
    await rm(at('model'), { recursive: true, force: true });
    return pretrainBert({
      texts: training.map(({ text }) => text),
      heldOut: validation.map(({ text }) => text),
      size,
      training: pretraining,
      out: at('model'),
      work: at('runs', 'pre-training'),
      emit: (event) => {
        if (event.type !== 'epoch') return;
        say(`pre-training, epoch ${event.epoch} of ${event.epochs}: loss ${event.metric.value?.toFixed(3)}`);
      },
    });
  });

  const fineTune = (run: PlannedRun) =>
    kept(at('results', `${run.name}.json`), async () => {
      const rows = drawPerLabel(split, run.perLabel, run.seed);
      const drawn = at('data', `${run.name}.jsonl`);
      await writeFile(drawn, jsonl(rows));
      const evaluation = at('data', run.purpose === 'tune' ? 'validation.jsonl' : 'test.jsonl');
      const paths = { model: at('model'), training: drawn, evaluation, runs: at('runs') };
      const epochs = epochsFor(settings, rows.length);
      const trained = await train(runConfig(run, paths, { settings, epochs, labels }));
      await Promise.all([rm(at('runs', run.name), { recursive: true }), rm(drawn)]);
      say(`${run.name}: accuracy ${trained.last?.toFixed(3) ?? 'none, diverged'} (${trained.seconds.toFixed(0)} s)`);
      return trained;
    });
  const inTurn = async (runs: readonly PlannedRun[]) => {
    const results: { run: PlannedRun; trained: Trained }[] = [];
    for (const run of runs) results.push({ run, trained: await fineTune(run) });
    return results;
  };

  const levels: LevelResult[] = [];
  for (const perLabel of settings.perLabel) levels.push(await levelOf(perLabel));
  return {
    corpus: { name: corpus.name, documents: documents.length, sha256 },
    settings,
    labels,
    labelled,
    pretraining: pretrained,
    levels,
  };

  async function levelOf(perLabel: number): Promise<LevelResult> {
    const ofArm = async (arm: Arm) => {
      const tuned = await inTurn(tuningRuns(settings, arm, perLabel));
      const rate = bestRate(tuned.map(({ run, trained }) => ({ run, accuracy: trained.last })));
      const counted = await inTurn(testRuns(settings, arm, perLabel, rate));
      return { rate, runs: counted.map(({ trained }) => trained) };
    };
    const found = { plain: await ofArm('plain'), balanced: await ofArm('balanced') };
    const each = <Value>(of: (arm: Arm) => Value) =>
      Object.fromEntries(arms.map((arm) => [arm, of(arm)])) as Record<Arm, Value>;
    const rows = drawPerLabel(split, perLabel, seed).length;
    return {
      perLabel,
      rows,
      share: rows / labelled,
      rate: each((arm) => found[arm].rate),
      runs: each((arm) => found[arm].runs),
    };
  }
}
