import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parseRunFile } from '../../shared/config/parse-run-file.ts';
import { runFileReference } from '../../shared/config/reference.ts';
import { runFileJsonSchema } from '../../shared/config/run-file.ts';
import { branchesOf, type JsonSchema } from '../../shared/config/schema-walk.ts';
import { analysisJsonSchema } from '../../shared/weights/analysis.ts';

/** Every setting below a section, as dotted keys. */
function settings(schema: JsonSchema, prefix = ''): { key: string; schema: JsonSchema }[] {
  return branchesOf(schema).flatMap((branch) =>
    Object.entries(branch.properties ?? {}).flatMap(([name, property]) => {
      const key = `${prefix}${name}`;
      return [{ key, schema: property }, ...settings(property, `${key}.`)];
    }),
  );
}

it('describes every setting', () => {
  const undescribed = settings(runFileJsonSchema()).filter(({ schema }) => !schema.description);
  expect(undescribed.map(({ key }) => key)).toEqual([]);
});

it('has a reference page that is up to date and names every setting', async () => {
  const page = await readFile('docs/run-file.md', 'utf8');
  expect(page, 'docs/run-file.md is not up to date: npm run generate').toBe(runFileReference(runFileJsonSchema()));
  const inSections = settings(runFileJsonSchema()).filter(({ key }) => key.includes('.'));
  for (const { key, schema } of inSections) {
    const name = schema.const === undefined ? `.${key.split('.').at(-1)}\`` : `${schema.const}`;
    expect(page).toContain(name);
  }
});

it('begins with a run file that is valid', () => {
  const [, example = ''] = /```yaml\n(model:[^`]*)```/.exec(runFileReference(runFileJsonSchema())) ?? [];
  expect(parseRunFile(example, 'docs/run-file.md').model.family).toBe('fno1d');
});

it('names a setting once for all values that have it', () => {
  const page = runFileReference(runFileJsonSchema());
  const rowsWith = (key: string) => page.split('\n').filter((line) => line.startsWith(`| \`${key}\` |`));
  expect(rowsWith('model.initFeatures')).toEqual([expect.stringContaining('(`unet1d`, `unet2d`) ')]);
  expect(rowsWith('model.weights')).toEqual([expect.stringContaining('(all but `huggingface`) ')]);
  expect(rowsWith('dataset.test')).toEqual([expect.stringContaining('| Test data')]);
  expect(rowsWith('model.family: dpot')).toHaveLength(1);
});

it('has a schema of the analysis that is up to date', async () => {
  const { $comment: _, ...schema } = JSON.parse(await readFile('docs/analysis.schema.json', 'utf8'));
  expect(schema).toEqual(JSON.parse(JSON.stringify(analysisJsonSchema())));
});
