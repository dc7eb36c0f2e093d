/** Plain against balanced fine-tuning with little labelled text: `npm run study:language -- [--quick]` */
import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runScript } from '../../examples/script.ts';
import { generatedCorpus, openCorpus } from './documents.ts';
import { full, quick } from './plan.ts';
import { accuracyFigure, markdownTable, summarise } from './results.ts';
import { doStudy } from './study.ts';

const usage = `npm run study:language -- [options]

  --quick      a smaller model, fewer documents, rates and seeds: some ten minutes instead of many hours
  --generated  generated texts even where apt is
  --cache DIR  where finished runs are kept (~/.cache/tempbalance/language)
  --out FILE   the results as JSON (language-study.json); the picture lies beside it
`;

const print = (line: string) => process.stdout.write(`${line}\n`);

await runScript(
  usage,
  {
    quick: { type: 'boolean', default: false },
    generated: { type: 'boolean', default: false },
    cache: { type: 'string', default: join(homedir(), '.cache', 'tempbalance', 'language') },
    out: { type: 'string', default: 'language-study.json' },
  },
  async ({ quick: isQuick, generated, cache, out }) => {
    const corpus = generated ? generatedCorpus() : await openCorpus((message) => process.stderr.write(`${message}\n`));
    const result = await doStudy(corpus, isQuick ? quick : full, { cache, say: print });
    const levels = result.levels.map((level) => ({ ...level, summary: summarise(level) }));
    const picture = `${out.replace(/\.json$/, '')}.svg`;
    await writeFile(out, `${JSON.stringify({ ...result, levels }, null, 2)}\n`);
    await writeFile(picture, accuracyFigure(result.levels));
    print(`\n${markdownTable(result.levels)}\n\n${out}, ${picture}`);
  },
);
