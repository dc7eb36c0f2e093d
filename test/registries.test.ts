import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fieldFormats } from '../shared/datasets/registry.ts';
import { textFormats } from '../shared/datasets/text/registry.ts';
import { languageFamilies } from '../shared/models/language/registry.ts';
import { modelFamilies } from '../shared/models/registry.ts';
import { assignmentFunctions } from '../shared/schedules/assignments/registry.ts';
import { controlNames } from '../shared/schedules/controls/registry.ts';
import { presetNames } from '../shared/schedules/presets/registry.ts';
import { fitMethods } from '../shared/spectra/fits/registry.ts';
import { learningRateCurves } from '../shared/training/learning-rate-curves/registry.ts';
import { optimizerFamilies } from '../shared/training/optimizers/registry.ts';

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
  'shared/spectra/fits': { key: 'configSchema', names: namesOf(fitMethods) },
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
  const missing = families.filter(({ value }) => !languageFamilies.includes(value as never));
  expect(families.length).toBeGreaterThan(10);
  expect(missing.map(({ file }) => `shared/models/language/registry.ts lacks what ${file} exports`)).toEqual([]);
});
