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
function agrees(schema: JsonSchema, input: unknown): boolean {
  if (typeof input !== 'object' || input === null) return true;
  return Object.entries(schema.properties ?? {}).every(([key, property]) => {
    const given = (input as Record<string, unknown>)[key];
    return property.const === undefined || given === undefined || given === property.const;
  });
}

/** The keys known at `path`, in the branches that the input's own discriminators leave open. */
export function keysAt(schema: JsonSchema, input: unknown, path: readonly (string | number)[]): string[] {
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
  const open = schemas.filter((branch) => agrees(branch, value));
  return [...new Set(open.flatMap((branch) => Object.keys(branch.properties ?? {})))];
}
