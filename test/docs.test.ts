import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { parseRunFile } from '../shared/config/parse-run-file.ts';

const markdownIn = async (folder: string) =>
  (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.md')).map((name) => join(folder, name));

/** What a page's headings are linked by, as GitHub makes it of their texts. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/```.*?```/gs, '').matchAll(/^#+ +(.+)$/gm);
  const slugs = [...headings].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set(slugs);
}

it('links to files that are there, and to headings that are in them', async () => {
  const atTheTop = ['README.md', 'CONTRIBUTING.md', 'AGENTS.md', 'llms.txt'];
  const pages = [...atTheTop, ...(await markdownIn('docs')), ...(await markdownIn('examples'))];
  const broken: string[] = [];
  for (const page of pages) {
    const text = await readFile(page, 'utf8');
    for (const [link, path, anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
      const target = path === '' ? page : join(dirname(page), path!);
      const found = await access(target).then(
        () => true,
        () => false,
      );
      const isThere = found && (anchor === undefined || anchorsOf(await readFile(target, 'utf8')).has(anchor));
      if (!isThere) broken.push(`${page}: ${link.slice(2, -1)}`);
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
