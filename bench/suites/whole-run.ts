import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { modelOf } from '../../shared/models/hugging-face/config.ts';
import { huggingFaceFiles } from '../../shared/models/hugging-face/folder.ts';
import { bertBaseConfig } from '../bert-base.ts';
import { runCli, usageOf } from '../cli.ts';
import { benchFile } from '../peer.ts';
import { median, type Result, type Suite } from '../suite.ts';
import { tokenizerFiles, writeWords } from '../word-texts.ts';

/** What both sides train: a classifier in a folder, on the first rows of a file. */
interface WholeRun {
  readonly name: string;
  readonly model: string;
  readonly training: { readonly format: string; readonly path: string };
  readonly validation: string;
  readonly samples: number;
  readonly tokens: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
}

/** The shape of BERT-base with random weights, 400 rows of 64 tokens and 40 to validate on. */
async function bertBase(folder: string): Promise<WholeRun> {
  const config = bertBaseConfig;
  const labels = ['even', 'odd'];
  const configured = modelOf(config, 'classification', labels, folder);
  const values = configured.model.initialise(randomFor(1, 'whole-run'));
  const files = huggingFaceFiles({ ...configured, config, labels, others: tokenizerFiles() }, values);
  for (const [file, bytes] of files) await writeFile(join(folder, file), bytes);
  const tokens = 64;
  const validation = await writeWords(folder, { words: tokens - 2, samples: 40 });
  const validationPath = join(folder, 'validation.jsonl');
  await rename(validation.path, validationPath);
  return {
    name: 'BERT-base, one epoch of 400 rows',
    model: folder,
    training: await writeWords(folder, { words: tokens - 2, samples: 400 }),
    validation: validationPath,
    samples: 400,
    tokens,
    epochs: 1,
    batchSize: 8,
    learningRate: 5e-5,
  };
}

const topicsFile = (name: string) => benchFile(`../examples/topics/${name}`);

/** As the example's run file has it. */
const topics: WholeRun = {
  name: 'the example topics, 20 epochs',
  model: topicsFile('pretrained'),
  training: { format: 'csv', path: topicsFile('labelled.csv') },
  validation: topicsFile('validation.csv'),
  samples: 96,
  tokens: 32,
  epochs: 20,
  batchSize: 8,
  learningRate: 1e-3,
};

/** What the processes of a run used: their time of the processor, and the largest peak of one of them. */
type Usage = ReturnType<typeof usageOf>;

/** Our run: trained with spectra and balanced rates, every epoch committed, the best exported. */
async function ours(run: WholeRun, folder: string): Promise<Usage> {
  const path = join(folder, 'run.yaml');
  const runs = join(folder, 'runs');
  await writeFile(
    path,
    stringify({
      model: { family: 'huggingface', folder: run.model, task: 'classification', maxTokens: run.tokens, lengths: 1 },
      dataset: { ...run.training, validationPath: run.validation, samples: run.samples },
      training: {
        epochs: run.epochs,
        batchSize: run.batchSize,
        learningRate: run.learningRate,
        optimizer: { name: 'adamw' },
        weightDecay: 0.01,
      },
      balance: { preset: 'modelBalancing' },
      output: { folder: runs, keep: 1 },
    }),
  );
  const trained = usageOf(await runCli('train', path));
  // Besides the run there is a folder for what is being written.
  const name = (await readdir(runs)).find((each) => !each.startsWith('.'));
  const exported = usageOf(await runCli('export', join(runs, name!), join(folder, 'exported')));
  return {
    cpuSeconds: trained.cpuSeconds + exported.cpuSeconds,
    peakMiB: Math.max(trained.peakMiB, exported.peakMiB),
  };
}

const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';

/** The Trainer's: every epoch evaluated and saved with its optimizer, the last exported. */
async function theirs(run: WholeRun, folder: string): Promise<Usage> {
  const path = join(folder, 'case.json');
  await writeFile(path, JSON.stringify({ ...run, training: run.training.path, output: join(folder, 'trainer') }));
  const command = [benchFile('whole-run-reference.py'), path];
  const { stdout } = await promisify(execFile)(python, command, { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}

/** A whole run. */
interface Measured extends Usage {
  /** From the start of its first process to the end of its last. */
  readonly seconds: number;
}

/** A whole run in a folder of its own. */
async function measureOne(side: (run: WholeRun, folder: string) => Promise<Usage>, run: WholeRun): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
  try {
    const begun = performance.now();
    const usage = await side(run, folder);
    return { ...usage, seconds: (performance.now() - begun) / 1e3 };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function canTrain(): Promise<boolean> {
  try {
    await promisify(execFile)(python, ['-c', 'import accelerate, torch, transformers']);
    return true;
  } catch {
    process.stderr.write(
      `the Trainer is left out: ${python} can't import transformers, accelerate and torch; TEMPBALANCE_PYTHON names one that can\n`,
    );
    return false;
  }
}

const rounds = 3;

/** Both sides in turn, so that a busy machine is busy for both; medians. */
async function measure(run: WholeRun, hasReference: boolean): Promise<Result> {
  const [own, reference]: [Measured[], Measured[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    if (hasReference) reference.push(await measureOne(theirs, run));
    own.push(await measureOne(ours, run));
  }
  const middle = (measured: readonly Measured[], of: keyof Measured) => median(measured.map((each) => each[of]));
  const ratio = (of: keyof Measured) => median(own.map((each, at) => each[of] / reference[at]![of]));
  return {
    case: run.name,
    wallSeconds: middle(own, 'seconds'),
    cpuSeconds: middle(own, 'cpuSeconds'),
    peakMiB: middle(own, 'peakMiB'),
    ...(hasReference
      ? {
          trainerWallSeconds: middle(reference, 'seconds'),
          trainerCpuSeconds: middle(reference, 'cpuSeconds'),
          trainerPeakMiB: middle(reference, 'peakMiB'),
          wallOfTrainer: ratio('seconds'),
          cpuOfTrainer: ratio('cpuSeconds'),
        }
      : {}),
  };
}

/** Whole runs of `tempbalance train` and `export`, and the same by Hugging Face's Trainer, where there is one. */
export const wholeRun: Suite = {
  name: 'whole-run',
  onRequest: true,
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
    try {
      const hasReference = await canTrain();
      const results: Result[] = [];
      for (const run of [topics, await bertBase(folder)]) {
        results.push(await measure(run, hasReference));
        process.stderr.write(`${JSON.stringify(results.at(-1))}\n`);
      }
      return results;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
