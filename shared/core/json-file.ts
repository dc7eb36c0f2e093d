import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { messageOf, UserError } from './errors.ts';
import { isAbsence } from './optional-file.ts';
import { explainJson } from './problems.ts';

/**
 * A JSON file of another tool, checked for what is needed of it.
 * @throws UserError when it is no JSON or lacks something; `what` says what it should be.
 */
export async function readJsonFile<Content>(path: string, schema: z.ZodType<Content>, what: string): Promise<Content> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (isAbsence(cause)) {
      throw new UserError('there is no such file', { where: path, remedy: 'Check the path of its folder.', cause });
    }
    throw notJson(path, cause);
  }
  return parseJsonFile(path, text, schema, what);
}

const notJson = (path: string, cause: unknown) =>
  new UserError(`can't be read as JSON: ${messageOf(cause)}`, { where: path, cause });

/** Parses the text of a JSON file that has been read already; as `readJsonFile` otherwise. */
export function parseJsonFile<Content>(path: string, text: string, schema: z.ZodType<Content>, what: string): Content {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw notJson(path, cause);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const lines = explainJson(parsed.error.issues, content);
  throw new UserError(`is not ${what}:\n    ${lines.join('\n    ')}`, { where: path });
}
