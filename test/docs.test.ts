import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

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
