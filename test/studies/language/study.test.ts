import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generatedCorpus, openCorpus } from '../../../studies/language/documents.ts';
import { quick, type StudySettings } from '../../../studies/language/plan.ts';
import { doStudy } from '../../../studies/language/study.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const settings: StudySettings = {
  ...quick,
  documents: 240,
  minimum: 20,
  validation: 24,
  test: 24,
  size: { blocks: 1, hiddenSize: 32, heads: 2, vocabularySize: 600, maxTokens: 32 },
  pretraining: { epochs: 1, batchSize: 32, learningRate: 1e-3, seed: 1 },
  perLabel: [4],
  steps: 4,
  epochs: { least: 1, most: 1 },
  rates: [1e-3],
  seeds: [1, 2],
};

it('a study that is done again does no run again, and comes to the same', async () => {
  const cache = await temporaryFolder();
  const said: string[] = [];
  const study = () => doStudy(generatedCorpus(300), settings, { cache, say: (line) => said.push(line) });
  const first = await study();
  const runs = said.filter((line) => line.includes('accuracy'));
  expect(runs).toHaveLength(2 * (1 + 2));
  said.length = 0;
  expect(await study()).toEqual(first);
  expect(said.filter((line) => line.includes('accuracy'))).toEqual([]);

  const [level] = first.levels;
  expect(first.labels).toHaveLength(6);
  expect(level).toMatchObject({ perLabel: 4, rows: 24, rate: { plain: 1e-3, balanced: 1e-3 } });
  for (const { last, alphaSpread } of [...level!.runs.plain, ...level!.runs.balanced]) {
    expect(last).toBeGreaterThanOrEqual(0);
    expect(alphaSpread.last).toBeGreaterThan(0);
  }
  const [folder] = await readdir(cache);
  const left = await readdir(join(cache, folder!, 'runs'));
  expect(left.filter((name) => !name.startsWith('.'))).toEqual([]);
});

it('where apt is absent the texts are generated, and it is said so', async () => {
  const warnings: string[] = [];
  const corpus = await openCorpus((message) => warnings.push(message), 'no-such-apt-cache');
  expect(corpus.name).toBe('generated');
  expect(warnings).toEqual([expect.stringMatching(/there is no such command.*generated texts, not of real ones/)]);
});
