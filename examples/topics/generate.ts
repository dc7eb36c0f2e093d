/** Writes the example's labelled texts: `node examples/topics/generate.ts [--out FOLDER]` */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript } from '../script.ts';
import { csvOf, labelledTexts } from './corpus.ts';

const usage = `node examples/topics/generate.ts [options]

  --out FOLDER  where the files go (examples/topics)
`;

const here = fileURLToPath(new URL('.', import.meta.url));

await runScript(usage, { out: { type: 'string', default: here } }, async ({ out }) => {
  await mkdir(out, { recursive: true });
  for (const [name, texts] of Object.entries(labelledTexts())) {
    await writeFile(join(out, name), csvOf(texts));
    process.stdout.write(`${join(out, name)}: ${texts.length} texts\n`);
  }
});
