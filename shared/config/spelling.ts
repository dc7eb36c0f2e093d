/** Names in kebab case, as other tools write them, where the settings have them in camel case: `model-balancing` for `modelBalancing`. */
import { agrees, branchesOf, type JsonSchema } from './schema-walk.ts';

const isKebab = (text: string) => /^[a-z][a-z0-9]*(-[a-z0-9]+)+$/.test(text);

/** `model-balancing` as `modelBalancing`. */
const camelCase = (text: string) => text.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The allowed value that is meant by a text: itself, or in camel case what it is in kebab case; else the text. */
export function spelledAs(text: string, allowed: readonly unknown[]): string {
  if (!isKebab(text) || allowed.includes(text)) return text;
  const camel = camelCase(text);
  return allowed.includes(camel) ? camel : text;
}

/** Values that a schema names; undefined where any text may stand. */
function namedValues(branches: readonly JsonSchema[]): readonly unknown[] | undefined {
  const ofText = branches.filter(
    ({ type, enum: listed, const: only }) => type === 'string' && !listed && only === undefined,
  );
  if (ofText.length > 0) return undefined;
  return branches.flatMap(({ enum: listed = [], const: only }) => [...listed, ...(only === undefined ? [] : [only])]);
}

/** Settings with every name as the schema has it; texts that are no names, such as paths, are kept. The schema is made where it is needed. */
export function inSchemaSpelling(schema: () => JsonSchema, input: unknown): unknown {
  return hasKebab(input) ? respell([schema()], input) : input;
}

const hasKebab = (input: unknown): boolean => {
  if (typeof input === 'string') return isKebab(input);
  return typeof input === 'object' && input !== null && Object.values(input).some(hasKebab);
};

function respell(schemas: readonly JsonSchema[], input: unknown): unknown {
  const branches = schemas.flatMap(branchesOf);
  if (typeof input === 'string') {
    const named = isKebab(input) ? namedValues(branches) : undefined;
    return named ? spelledAs(input, named) : input;
  }
  if (Array.isArray(input)) {
    const items = branches.flatMap(({ items: inner = [] }) => inner);
    return items.length > 0 ? input.map((item) => respell(items, item)) : input;
  }
  if (typeof input !== 'object' || input === null) return input;
  const inner = (open: readonly JsonSchema[], change: (value: unknown) => boolean, from: object) =>
    Object.fromEntries(
      Object.entries(from).map(([key, value]) => {
        const known = open.flatMap(({ properties }) =>
          properties && Object.hasOwn(properties, key) ? properties[key]! : [],
        );
        return [key, known.length > 0 && change(value) ? respell(known, value) : value];
      }),
    );
  // Names first: some choose between the variants of their section.
  const named = inner(branches, (value) => typeof value === 'string', input);
  const open = branches.filter((branch) => agrees(branch, named));
  return inner(open, (value) => typeof value !== 'string', named);
}
