import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { parseRunFile } from '../shared/config/parse-run-file.ts';

const markdownIn = async (folder: string) =>
  (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.md')).map((name) => join(folder, name));

it('links to files that are there', async () => {
  const pages = ['README.md', 'CONTRIBUTING.md', ...(await markdownIn('docs')), ...(await markdownIn('examples'))];
  const broken: string[] = [];
  for (const page of pages) {
    const text = await readFile(page, 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      const found = await access(join(dirname(page), target!)).then(
        () => true,
        () => false,
      );
      if (!found) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

it('shows run files that are valid', async () => {
  const page = 'docs/language-models.md';
  const runFiles = [...(await readFile(page, 'utf8')).matchAll(/```yaml\n(model:.*?)```/gs)].map(([, text]) => text!);
  expect(runFiles).toHaveLength(5);
  for (const text of runFiles) parseRunFile(text, page);
});
