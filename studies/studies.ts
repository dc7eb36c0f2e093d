/** The studies: what makes the data of each, and what is compared on them. */
import { writeFile } from 'node:fs/promises';
import { generateBurgers, writeBurgers } from '../examples/burgers/data.ts';
import { generateFlow, writeFlow } from '../examples/compressible/data.ts';
import { csvOf, generateTexts } from '../examples/topics/corpus.ts';

export interface Study {
  /** What is compared, in a few words. */
  readonly subject: string;
  /** What writes each of its data files, by the file's name; the same bits every time. */
  readonly data: Readonly<Record<string, (path: string) => Promise<void>>>;
  /** Names of its compare files, in the order in which they are done. */
  readonly compareFiles: readonly string[];
}

const grid = { points: 64, times: 41 };

/** Trajectories at the viscosity of the example's target. The example has the seeds 1, 2 and 1001. */
const burgers = (samples: number, seed: number) => (path: string) =>
  writeBurgers(path, generateBurgers({ ...grid, duration: 2, viscosity: 0.005, samples, seed }));

/** Smooth flows that steepen to shocks. */
const flow = (samples: number, seed: number) => (path: string) =>
  writeFlow(path, generateFlow({ ...grid, duration: 1, initial: 'waves', samples, seed }));

/** Texts of two sentences, as in the example, which has the seed 1. */
const topics = (count: number, purpose: string) => (path: string) =>
  writeFile(path, csvOf(generateTexts({ count, sentences: 2, seed: 2, purpose })));

export const studies: Readonly<Record<string, Study>> = {
  operators: {
    subject: 'fine-tuning of a neural operator on few trajectories',
    data: { 'burgers.hdf5': burgers(160, 11) },
    compareFiles: ['operators.yaml'],
  },
  scratch: {
    subject: 'training of a neural operator from scratch on few trajectories',
    data: { 'flow.hdf5': flow(208, 21) },
    compareFiles: ['scratch-published.yaml', 'scratch-best.yaml'],
  },
  language: {
    subject: 'fine-tuning of a small BERT on few texts',
    data: {
      'topics.csv': topics(960, 'study'),
      'topics-validation.csv': topics(120, 'study validation'),
      'topics-test.csv': topics(400, 'study test'),
    },
    compareFiles: ['language.yaml'],
  },
};
