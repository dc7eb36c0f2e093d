import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { generateTexts } from '../../examples/topics/corpus.ts';
import { type Document, parsePackages } from './packages.ts';

/** Where the study's documents come from. */
export interface Corpus {
  readonly name: 'debian' | 'generated';
  readonly documents: readonly Document[];
}

/** Texts as in the example about topics, each a source of its own. */
export function generatedCorpus(count = 20_000): Corpus {
  const texts = generateTexts({ count, sentences: 2, seed: 1, purpose: 'study' });
  const documents = texts.map(({ text, topic }, index) => ({ text, label: topic, source: String(index) }));
  return { name: 'generated', documents };
}

/** The packages that this system's lists know; where there are none, generated texts, and `warn` is told why. */
export async function openCorpus(warn: (message: string) => void, command = 'apt-cache'): Promise<Corpus> {
  let why: string;
  try {
    const { stdout } = await promisify(execFile)(command, ['dumpavail'], { maxBuffer: 1 << 30 });
    const documents = parsePackages(stdout);
    if (documents.length >= 1000) return { name: 'debian', documents };
    why = `it knows ${documents.length} packages; \`apt-get update\` fetches the lists`;
  } catch (error) {
    why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such command' : String(error);
  }
  warn(`${command} dumpavail gives no documents (${why}): the study is of generated texts, not of real ones`);
  return generatedCorpus();
}
