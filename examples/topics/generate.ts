/** Writes the example's labelled texts: `node examples/topics/generate.ts [--out FOLDER]` */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { csvOf, labelledTexts } from './corpus.ts';

const { values: args } = parseArgs({
  options: { out: { type: 'string', default: fileURLToPath(new URL('.', import.meta.url)) } },
});

await mkdir(args.out, { recursive: true });
for (const [name, texts] of Object.entries(labelledTexts())) {
  await writeFile(join(args.out, name), csvOf(texts));
  process.stdout.write(`${join(args.out, name)}: ${texts.length} texts\n`);
}
