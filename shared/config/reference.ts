/** The reference page of the run file, from its JSON Schema. */
import { stringify } from 'yaml';
import type { Preset } from '../schedules/presets/preset.ts';
import { presets } from '../schedules/presets/registry.ts';
import { branchesOf, type JsonSchema } from './schema-walk.ts';

const code = (value: unknown) => `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const limits = [
    exclusiveMinimum === undefined ? '' : `> ${exclusiveMinimum}`,
    minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? '' : `>= ${minimum}`,
    exclusiveMaximum === undefined ? '' : `< ${exclusiveMaximum}`,
    maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : `<= ${maximum}`,
  ];
  return limits.filter(Boolean).join(', ');
}

/** The values that a setting may have, in words. */
function typeOf(schema: JsonSchema): string {
  const branches = branchesOf(schema);
  if (branches.length > 1) return [...new Set(branches.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object') return 'section';
  const names: Record<string, string> = {
    integer: 'whole number',
    number: 'number',
    string: 'text',
    boolean: 'true or false',
  };
  const range = rangeOf(schema);
  return `${names[String(schema.type)] ?? 'anything'}${range ? ` ${range}` : ''}`;
}

interface Row {
  readonly key: string;
  readonly type: string;
  readonly fallback: string;
  readonly description: string;
}

/** The settings of an object schema, sections flattened into dotted keys. */
function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const key = `${prefix}${name}`;
    const required = schema.required?.includes(name) ?? false;
    const fallback = property.default === undefined ? (required ? 'required' : '') : code(property.default);
    const row = { key, type: typeOf(property), fallback, description: property.description ?? '' };
    const listed = property.items?.properties ? rowsOf(property.items, `${key}[].`) : [];
    return [row, ...sectionRows(property, key), ...listed];
  });
}

/** The settings of a section: of a union of sections, first what its variants are, then the settings of each. */
function sectionRows(schema: JsonSchema, key: string): Row[] {
  const sections = branchesOf(schema).filter((branch) => branch.properties);
  const variants = sections.map((section) => variantOf(section, key));
  if (variants.length === 1) return rowsOf(sections[0]!, `${key}.`);
  return [...variants.flatMap(({ own }) => own), ...sharedRows(variants)];
}

interface Variant {
  /** The value of the discriminator; undefined without one. */
  readonly name: string | undefined;
  readonly own: readonly Row[];
  readonly rows: readonly Row[];
}

/** A branch of a union. Its own row has the key and value that choose it: `training.optimizer.name: adam`. */
function variantOf(section: JsonSchema, key: string): Variant {
  const [discriminator, property] =
    Object.entries(section.properties ?? {}).find(([, { const: value }]) => value !== undefined) ?? [];
  if (discriminator === undefined || !property) return { name: undefined, own: [], rows: rowsOf(section, `${key}.`) };
  const name = String(property.const);
  const own = {
    key: `${key}.${discriminator}: ${name}`,
    type: '',
    fallback: '',
    description: property.description ?? '',
  };
  const rest = Object.fromEntries(Object.entries(section.properties ?? {}).filter(([each]) => each !== discriminator));
  return { name, own: [own], rows: rowsOf({ ...section, properties: rest }, `${key}.`) };
}

/** The settings of all variants, each once with the variants that have it. */
function sharedRows(variants: readonly Variant[]): Row[] {
  const names = variants.flatMap(({ name }) => name ?? []);
  const shared = new Map<string, { readonly row: Row; readonly of: Set<string> }>();
  for (const { name, rows } of variants) {
    for (const row of rows) {
      const same = JSON.stringify(row);
      const entry = shared.get(same) ?? { row, of: new Set() };
      shared.set(same, entry);
      if (name !== undefined) entry.of.add(name);
    }
  }
  return [...shared.values()].map(({ row, of }) => {
    const whose = whoseInWords([...of], names);
    return whose === '' ? row : { ...row, description: `${whose} ${row.description}` };
  });
}

/** The variants that have a setting, as the beginning of its description; nothing where all do. */
function whoseInWords(of: readonly string[], all: readonly string[]): string {
  const others = all.filter((name) => !of.includes(name));
  if (of.length === 0 || others.length === 0) return '';
  const list = (names: readonly string[]) => names.map(code).join(', ');
  return 2 * others.length <= of.length ? `(all but ${list(others)})` : `(${list(of)})`;
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ key, type, fallback, description }) =>
      `| \`${key}\` | ${cell(type)} | ${cell(fallback)} | ${cell(description)} |`,
  );
  return ['| setting | value | default | what it does |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

function sectionPage(name: string, schema: JsonSchema): string {
  const rows = sectionRows(schema, name);
  const table = rows.length === 0 ? [] : ['', tableOf(rows)];
  return [`## ${name}`, '', schema.description ?? '', ...table].join('\n');
}

/** docs/deploy-settings.md */
export function deploySettingsReference(schema: JsonSchema): string {
  return `<!-- Generated by \`npm run generate\` from the schema in infra/settings.ts; do not edit. -->
# Settings of a deployment

This page lists all settings of a [deployment](deploy.md), for people who set it up. What a single run does is set in its profile, a [run file](run-file.md).

Write the settings in \`cdk.json\`, under \`context.tempbalance\`. Or give them as \`-c tempbalance='{...}'\`, which replaces all settings of the file. Unknown keys are errors.

${tableOf(rowsOf(schema, ''))}
`;
}

/** The settings of each preset, for both kinds of models where they differ. */
function presetsPage(): string {
  const code = (settings: object) => `\`\`\`yaml\n${stringify(settings).trim()}\n\`\`\``;
  const parts = presets.map((preset: Preset) => {
    const [language, fields] = [preset.settings('language'), preset.settings('fields')];
    const isSame = JSON.stringify(language) === JSON.stringify(fields);
    const settings = isSame
      ? [code(fields)]
      : ['For language models:', code(language), 'For models of fields:', code(fields)];
    const fixed = preset.essential.map((key) => `\`${key}\``).join(' or ');
    return [`### ${preset.name}`, preset.description, `Another ${fixed} is refused beside it.`, ...settings].join(
      '\n\n',
    );
  });
  return [
    '## Presets',
    'The settings of each value of `balance.preset`. Settings that you write beside it override them, one by one. [method.md](method.md) says where they come from.',
    ...parts,
  ].join('\n\n');
}

/** docs/run-file.md */
export function runFileReference(schema: JsonSchema): string {
  const named = Object.entries(schema.properties ?? {});
  const sections = named.map(([name, section]) => sectionPage(name, section));
  const links = [...named.map(([name]) => `[${name}](#${name})`), '[presets](#presets)'];
  return `<!-- Generated by \`npm run generate\` from the schema in shared/config/run-file.ts; do not edit. -->
# The run file

This page lists all settings of a run file, for people who write one. A run file is a YAML file that says what to train, on which data, and how. Its usual name is \`tempbalance.yaml\`.

- \`npx tempbalance init\` writes one to start from, and \`npx tempbalance validate\` checks one.
- \`--set section.key=value\` changes a setting on the command line.
- Unknown keys are errors. Relative paths start at the folder of the run file.
- Values that are names, such as \`modelBalancing\`, may also be written in kebab case: \`model-balancing\`.

A run file of an operator, in which all other settings have their defaults:

\`\`\`yaml
model: { family: fno1d, weights: pretrained.safetensors }
dataset: { format: pdebench, path: data.hdf5, window: 10, rolloutSteps: 20 }
training: { epochs: 40, batchSize: 4, learningRate: 0.001 }
balance: { preset: modelBalancing }
\`\`\`

Run files for texts are in [language-models.md](language-models.md), and those for other files of fields in [science.md](science.md).

Sections of this page: ${links.join(', ')}.

How to read the tables: a row such as \`model.family: fno1d\` explains one value of a setting. Names in brackets before a description say for which of these values the setting exists. "Absent" says what happens without the setting.

If the first line of the file names the schema, editors that know YAML schemas complete and check the file:

\`\`\`yaml
# yaml-language-server: $schema=node_modules/tempbalance/docs/run-file.schema.json
\`\`\`

${[...sections, presetsPage()].join('\n\n')}
`;
}

/** docs/compare-file.md */
export function compareFileReference(schema: JsonSchema): string {
  return `<!-- Generated by \`npm run generate\` from the schema in shared/config/compare-file.ts; do not edit. -->
# The compare file

The settings of \`npx tempbalance compare\`, for those who write or edit a compare file. It is a YAML file, by default \`compare.yaml\`. It says which
settings are compared, and how. [comparison.md](comparison.md) explains what the command does with it. \`npx tempbalance compare --quick run.yaml\` writes one.

Unknown keys are errors. Relative paths count from the folder of the file. Values that are names may also be written in kebab case, as in
[the run file](run-file.md).

\`\`\`yaml
# yaml-language-server: $schema=node_modules/tempbalance/docs/compare-file.schema.json
run: burgers.yaml
test: { last: 64 }
arms:
  plain: { balance: off }
  balanced: {}
  byShape: { balance.control: byShape }
rates: [0.0003, 0.001, 0.003]
seeds: { tuning: [101, 102], test: [1, 2, 3, 4, 5] }
\`\`\`

${tableOf(rowsOf(schema, ''))}
`;
}
