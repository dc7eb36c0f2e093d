import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { writeBertFolder } from './language-folder.ts';
import { temporaryFolder } from './small-run.ts';

/** Words that say something of a text, and words that say nothing. */
export const topics = ['sport', 'music', 'money'] as const;
const fillers = ['bale', 'dore', 'kila', 'muro', 'nuve', 'tasi'];

/** A text, and the topics that it has words of. */
export interface TopicText {
  readonly text: string;
  readonly topics: readonly string[];
}

/** Texts of which each has any of three topics, by a word for each. */
export function topicTexts(count: number): TopicText[] {
  const random = randomFor(7, 'topics');
  return Array.from({ length: count }, () => {
    const found = topics.filter(() => random.integer(2) === 1);
    const words = [...found, ...Array.from({ length: 2 }, () => fillers[random.integer(fillers.length)]!)];
    return {
      text: random
        .permutation(words.length)
        .map((place) => words[place]!)
        .join(' '),
      topics: found,
    };
  });
}

/**
 * A folder with a fresh BERT (`bert`) that knows the words of the texts, a file of data, and a run file about them (`run.yaml`); the run is called `texts`.
 * @param options.head labels of the head that the folder has; absent: it has none
 */
export async function writeProblemRun(
  { name, content }: { name: string; content: string },
  {
    model = {},
    dataset = {},
    training = {},
    head,
  }: { model?: object; dataset?: object; training?: object; head?: readonly string[] } = {},
): Promise<string> {
  const folder = await temporaryFolder();
  const words = Array.from({ length: 20 }, () => [...topics, ...fillers]).flat();
  await writeBertFolder(join(folder, 'bert'), words, { hiddenSize: 16, blocks: 1, labels: head });
  await writeFile(join(folder, name), content);
  const run = {
    model: { family: 'huggingface', folder: 'bert', maxTokens: 8, lengths: 1, ...model },
    dataset: { format: name.split('.').at(-1), path: name, ...dataset },
    training: {
      epochs: 4,
      batchSize: 8,
      learningRate: 0.01,
      optimizer: { name: 'adamw' },
      validation: 24,
      engine: 'wasm',
      ...training,
    },
    balance: 'off',
    output: { name: 'texts' },
  };
  await writeFile(join(folder, 'run.yaml'), stringify(run));
  return folder;
}
