import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { textFormats } from '../../../shared/datasets/text/registry.ts';
import { languageTasks, trainedTasks } from '../../../shared/models/language/model.ts';
import { languageFamilies, tasksOf } from '../../../shared/models/language/registry.ts';
import { fixturePath } from '../../support/fixtures.ts';

const page = await readFile('docs/language-models.md', 'utf8');

/** The rows of every table with this heading of its first column, as cells. */
function rowsOf(heading: string): string[][] {
  const lines = page.split('\n');
  return lines.flatMap((line, at) => {
    if (!line.startsWith(`| ${heading} |`)) return [];
    const after = lines.slice(at + 2);
    const end = after.findIndex((row) => !row.startsWith('|'));
    return after.slice(0, end).map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  });
}

/** What stands between backquotes. */
const named = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);

const kinds = languageFamilies.flatMap((family) => Object.keys(family.kinds));

it('the page names every kind of model, with its tasks', () => {
  const listed = rowsOf('kind (`model_type`)').flatMap(([kind, tasks]) =>
    named(kind).map((name): [string, string[]] => [
      name,
      named(tasks)
        .filter((task) => languageTasks.some((each) => each === task))
        .toSorted(),
    ]),
  );
  expect(listed.toSorted()).toEqual(kinds.map((kind) => [kind, tasksOf(kind).toSorted()]).toSorted());
});

it('the page names every task and every format of texts', () => {
  expect(
    rowsOf('`model.task`')
      .flatMap(([task]) => named(task))
      .toSorted(),
  ).toEqual([...trainedTasks].toSorted());
  expect(rowsOf('`dataset.format`').flatMap(([format]) => named(format))).toEqual(textFormats.map(({ name }) => name));
});

it('every family has numbers of transformers to be held to', async () => {
  const files = await readdir(fixturePath('models'), { recursive: true });
  const folders = files.filter((file) => file.endsWith('/config.json')).map(dirname);
  const held = folders.filter((folder) => files.includes(`${folder}/expected.json`));
  const types = new Set<string>();
  for (const folder of held) {
    types.add(JSON.parse(await readFile(fixturePath('models', folder, 'config.json'), 'utf8')).model_type);
  }
  const without = languageFamilies.filter((family) => Object.keys(family.kinds).every((kind) => !types.has(kind)));
  const missing = without.map((family) => Object.keys(family.kinds).join(', '));
  expect(missing.map((names) => `test/fixtures/models lacks numbers of transformers for ${names}`)).toEqual([]);
});
