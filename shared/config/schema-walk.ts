/** Questions to a JSON Schema (draft 2020-12, as zod writes it). */

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** The alternatives a schema stands for: itself, or its union's branches. */
export function branchesOf(schema: JsonSchema): readonly JsonSchema[] {
  const union = schema.anyOf ?? schema.oneOf;
  return union ? union.flatMap(branchesOf) : [schema];
}

/** Whether the constants of an object schema (its discriminators) agree with the input. */
export function agrees(schema: JsonSchema, input: unknown): boolean {
  if (typeof input !== 'object' || input === null) return true;
  return Object.entries(schema.properties ?? {}).every(([key, property]) => {
    const given = (input as Record<string, unknown>)[key];
    return property.const === undefined || given === undefined || given === property.const;
  });
}

/** The branches that the input's own discriminators leave open at `path`, and the value there. */
function branchesAt(
  schema: JsonSchema,
  input: unknown,
  path: readonly (string | number)[],
): { branches: readonly JsonSchema[]; value: unknown } {
  let schemas = branchesOf(schema);
  let value = input;
  for (const part of path) {
    const here = value;
    schemas = schemas
      .filter((branch) => agrees(branch, here))
      .flatMap((branch) => (typeof part === 'number' ? branch.items : branch.properties?.[part]) ?? [])
      .flatMap(branchesOf);
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  }
  return { branches: schemas, value };
}

/** The keys known at `path`. */
export function keysAt(schema: JsonSchema, input: unknown, path: readonly (string | number)[]): string[] {
  const { branches, value } = branchesAt(schema, input, path);
  const open = branches.filter((branch) => agrees(branch, value));
  return [...new Set(open.flatMap((branch) => Object.keys(branch.properties ?? {})))];
}

/** Whether the key at the end of `path` chooses between variants of its section, as an optimizer's name does. */
export function isDiscriminator(schema: JsonSchema, input: unknown, path: readonly string[]): boolean {
  const sections = branchesAt(schema, input, path.slice(0, -1)).branches.filter(({ properties }) => properties);
  const key = path.at(-1)!;
  return sections.length > 1 && sections.every(({ properties }) => properties?.[key]?.const !== undefined);
}
