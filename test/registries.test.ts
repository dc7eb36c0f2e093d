import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tinyModels } from '../bench/tiny-models.ts';
import { predictCommand } from '../cli/commands/predict.ts';
import { fieldFormats } from '../shared/datasets/registry.ts';
import { textFormats } from '../shared/datasets/text/registry.ts';
import { languageFamilies } from '../shared/models/language/registry.ts';
import { modelFamilies } from '../shared/models/registry.ts';
import { assignmentFunctions } from '../shared/schedules/assignments/registry.ts';
import { controlNames } from '../shared/schedules/controls/registry.ts';
import { presetNames } from '../shared/schedules/presets/registry.ts';
import { fitNames } from '../shared/spectra/fits/registry.ts';
import { learningRateCurves } from '../shared/training/learning-rate-curves/registry.ts';
import { optimizerFamilies } from '../shared/training/optimizers/registry.ts';
import { operatorCases } from './support/exported-operators.ts';
import { readJsonFixture } from './support/fixtures.ts';
import { publishedFits } from './support/published-fits.ts';
import { hasPublishedNumbers } from './support/published-presets.ts';
import { readPublishedSchedules, settingsOf } from './support/published-schedules.ts';

const namesOf = (members: readonly { readonly name: string }[]) => members.map(({ name }) => name);

const isMember = (value: unknown): value is { readonly name: string } =>
  typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string';

/** Folders whose files are the members of a registry: what they export, and the names that the registry has. */
const folders: Readonly<Record<string, { readonly key: string; readonly names: readonly string[] }>> = {
  'shared/datasets': { key: 'configSchema', names: namesOf(fieldFormats) },
  'shared/datasets/text': { key: 'configSchema', names: namesOf(textFormats) },
  'shared/models': { key: 'configSchema', names: namesOf(modelFamilies) },
  'shared/schedules/assignments': { key: 'configSchema', names: namesOf(assignmentFunctions) },
  'shared/schedules/controls': { key: 'apply', names: controlNames },
  'shared/schedules/presets': { key: 'settings', names: presetNames },
  'shared/spectra/fits': { key: 'configSchema', names: fitNames },
  'shared/training/learning-rate-curves': { key: 'configSchema', names: namesOf(learningRateCurves) },
  'shared/training/optimizers': { key: 'configSchema', names: namesOf(optimizerFamilies) },
};

async function exportsIn(folder: string) {
  const files = readdirSync(folder).filter(
    (name) => name.endsWith('.ts') && name !== 'registry.ts' && !name.includes('worker'),
  );
  const modules = await Promise.all(
    files.map(async (file) =>
      Object.values<unknown>(await import(/* @vite-ignore */ pathToFileURL(resolve(folder, file)).href)).map(
        (value) => ({ file, value }),
      ),
    ),
  );
  return modules.flat();
}

describe.each(Object.entries(folders))('%s', (folder, { key, names }) => {
  it('has a line in its registry for every file with a member', async () => {
    const members = (await exportsIn(folder)).filter(({ value }) => isMember(value) && key in value);
    const missing = members.filter(({ value }) => isMember(value) && !names.includes(value.name));
    expect(missing.map(({ file }) => `${folder}/registry.ts lacks what ${file} exports`)).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });
});

it('shared/models/language has a line in its registry for every family', async () => {
  const families = (await exportsIn('shared/models/language')).filter(
    ({ value }) => typeof value === 'object' && value !== null && 'kinds' in value && 'heads' in value,
  );
  const missing = families.filter(({ value }) => !languageFamilies.some((family) => family === value));
  expect(families.length).toBeGreaterThan(10);
  expect(missing.map(({ file }) => `shared/models/language/registry.ts lacks what ${file} exports`)).toEqual([]);
});

/** Whether a page has a table with a row for a name. */
const hasRow = (page: string) => {
  const cells = readFileSync(page, 'utf8')
    .split('\n')
    .flatMap((line) => /^\| ([^|]*) \|/.exec(line)?.[1] ?? []);
  return (name: string) => cells.some((cell) => cell.includes(`\`${name}\``));
};

/** Whether a test of a folder, or one file, has a name in quotes. */
const isNamedIn = (place: string, pattern = (name: string) => `'${name}'`) => {
  const files = /\.\w+$/.test(place)
    ? [place]
    : readdirSync(place)
        .filter((file) => file.endsWith('.test.ts'))
        .map((file) => `${place}/${file}`);
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  return (name: string) => texts.some((text) => text.includes(pattern(name)));
};

const schedules = Object.values(await readPublishedSchedules());
const published = new Set<string>(
  schedules.flatMap((each) => Object.keys(each.expected).map((key) => settingsOf(key, each).assignment.function)),
);
const { curves } = await readJsonFixture<{ curves: { settings: { name: string } }[] }>('schedule', 'schedulers.json');
const choicesOf = (flag: string, { options }: { readonly options: typeof predictCommand.options }) =>
  options.find(({ long }) => long === flag)!.argChoices!;

const optimizers = namesOf(optimizerFamilies);
const kinds = languageFamilies.flatMap((family) => Object.keys(family.kinds));

/** What a member needs besides its file and its line in the registry: where, what, of which members, and whether one has it. */
const needs: readonly (readonly [
  where: string,
  what: string,
  names: readonly string[],
  has: (name: string) => boolean,
])[] = [
  ['docs/method.md', 'a row for the preset', presetNames, hasRow('docs/method.md')],
  ['test/fixtures/presets', "numbers by its authors' code for the preset", presetNames, hasPublishedNumbers],
  ['docs/method.md', 'a row for the control', controlNames, hasRow('docs/method.md')],
  [
    'test/schedules/controls.test.ts',
    'a test of the control',
    controlNames,
    isNamedIn('test/schedules/controls.test.ts'),
  ],
  ['docs/method.md', 'a row for the assignment function', namesOf(assignmentFunctions), hasRow('docs/method.md')],
  [
    'test/fixtures/schedule/assignments.json',
    'factors by the assignment function',
    namesOf(assignmentFunctions),
    (name) => published.has(name),
  ],
  ['docs/method.md', 'a row for the fit', fitNames, hasRow('docs/method.md')],
  [
    'test/fixtures/esd/expected.json',
    'alphas, with a key in test/support/published-fits.ts, by the fit',
    fitNames,
    (name) => Object.values(publishedFits).some(({ method }) => method === name),
  ],
  [
    'test/fixtures/schedule/schedulers.json',
    'the rates of every step by the schedule',
    namesOf(learningRateCurves),
    (name) => curves.some(({ settings }) => settings.name === name),
  ],
  [
    'test/training',
    'a test that holds steps to numbers of another implementation, or to some by hand, for the optimizer',
    optimizers,
    isNamedIn('test/training', (name) => `optimizerSchema.parse({ name: '${name}'`),
  ],
  [
    'test/training/engine-conformance.test.ts',
    'a training on every engine by the optimizer',
    optimizers,
    isNamedIn('test/training/engine-conformance.test.ts', (name) => `optimizer: '${name}'`),
  ],
  ['docs/models.md', 'a row for the model family', namesOf(modelFamilies), hasRow('docs/models.md')],
  [
    'test/support/exported-operators.ts',
    'a small model of the family',
    namesOf(modelFamilies),
    (name) => operatorCases.some(([{ family }]) => family === name),
  ],
  [
    'test/models',
    'a test against an independent implementation for the model family',
    namesOf(modelFamilies),
    isNamedIn('test/models'),
  ],
  [
    'docs/science.md',
    'a word on the format of fields',
    namesOf(fieldFormats),
    isNamedIn('docs/science.md', (name) => `format: ${name}`),
  ],
  ['test/datasets', 'a test of the format of fields', namesOf(fieldFormats), isNamedIn('test/datasets')],
  ['docs/language-models.md', 'a row for the format of texts', namesOf(textFormats), hasRow('docs/language-models.md')],
  ['test/datasets/text', 'a test of the format of texts', namesOf(textFormats), isNamedIn('test/datasets/text')],
  [
    'cli/commands/predict.ts',
    'a choice of --format for the format of texts',
    namesOf(textFormats),
    (name) => choicesOf('--format', predictCommand).includes(name),
  ],
  ['docs/language-models.md', 'a row for the kind of model', kinds, hasRow('docs/language-models.md')],
  ['bench/tiny-models.ts', 'a small model of the kind', kinds, (name) => tinyModels.some(({ type }) => type === name)],
];

it.each(needs)('%s has %s, whatever its name', (where, what, names, has) => {
  const missing = names.filter((name) => !has(name));
  expect(missing.map((name) => `${where} lacks ${what} ${name}`)).toEqual([]);
});
