import type { z } from 'zod';
import { RunError } from '../core/errors.ts';
import type { ArtifactStore } from './artifact-store.ts';

/** Indented, with a final newline: these files are read by people too. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/** What `schema` makes of a value without the keys that it does not know, which it may otherwise refuse. */
function parseKnown<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  const parsed = schema.safeParse(value);
  const unknown = parsed.error?.issues.filter((issue) => issue.code === 'unrecognized_keys') ?? [];
  if (unknown.length === 0) return parsed;
  const known = structuredClone(value);
  for (const { path, keys } of unknown) {
    const at = path.reduce<unknown>((inner, part) => (inner as Record<PropertyKey, unknown>)[part], known);
    for (const key of keys) delete (at as Record<string, unknown>)[key];
  }
  return parseKnown(schema, known);
}

/**
 * What is stored. Keys that this version does not know, as another version may have written them, are left out.
 * @param remedy what to do about a file that is damaged
 * @throws RunError naming the key when the bytes are not JSON of this form.
 */
export function decodeJson<T>(key: string, bytes: Uint8Array, schema: z.ZodType<T>, remedy?: string): T {
  const details = { where: key, ...(remedy === undefined ? {} : { remedy }) };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new RunError('is not JSON; the file is damaged', { ...details, cause });
  }
  const parsed = parseKnown(schema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new RunError(
    `${issue.path.join('.') || 'content'}: ${issue.message}; the file is damaged or of another version`,
    details,
  );
}

export async function readJson<T>(
  store: ArtifactStore,
  key: string,
  schema: z.ZodType<T>,
  remedy?: string,
): Promise<T | undefined> {
  const object = await store.get(key);
  return object && decodeJson(key, object.bytes, schema, remedy);
}
