/** A YAML file of settings: what it says, and where in it each thing stands. */
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { messageOf, UserError } from '../core/errors.ts';
import { formatPath, type Problem } from '../core/problems.ts';

/** A text that was read. */
export interface YamlSource {
  /** For messages. */
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/**
 * Reads a text that is to be a mapping.
 * @param wanted says so to whoever wrote something else
 * @throws UserError listing what is no YAML, with line and column.
 */
export function readYaml(
  text: string,
  file: string,
  wanted: string,
): YamlSource & { readonly original: Record<string, unknown> } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) {
    refuse(
      file,
      document.errors.map(
        ({ linePos, message }) => `  ${file}:${linePos?.[0].line}:${linePos?.[0].col}  ${plainly(message)}`,
      ),
    );
  }
  const original = plainValue(document, file) ?? {};
  if (typeof original !== 'object' || Array.isArray(original)) refuse(file, [`  ${file}:1:1  ${wanted}`]);
  const source = { file, document, lines, original: original as Record<string, unknown> };
  const misnamed = prototypesIn(original).map((path) => {
    const { line, col } = positionOf(source, { path });
    return `  ${file}:${line}:${col}  ${formatPath(path)}: unknown key`;
  });
  if (misnamed.length > 0) refuse(file, misnamed);
  return source;
}

/** Where a key is `__proto__`, which no setting is called, and which checks of records pass over. */
function prototypesIn(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return key === '__proto__' ? [at] : prototypesIn(inner, at);
  });
}

/** Where in a YAML text the thing at `path` stands: its key, its value, or the nearest section that exists. */
export function positionOf(
  { document, lines }: YamlSource,
  problem: Pick<Problem, 'path'>,
): { line: number; col: number } {
  let node: unknown = document.contents;
  let offset = isMap(node) ? (node.range?.[0] ?? 0) : 0;
  for (const part of problem.path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === part);
      if (!pair) break;
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      node = pair.value;
    } else if (typeof part === 'number' && typeof node === 'object' && node !== null && 'items' in node) {
      node = (node.items as unknown[])[part];
      offset = (node as { range?: [number] } | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return lines.linePos(offset);
}

/** Throws one error for all problems of a file. */
export function refuse(file: string, problems: readonly string[]): never {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new UserError(`${file} has ${count}:\n\n${problems.join('\n')}`);
}

/** The first sentence of what the YAML parser says, without its own position and advice. */
const plainly = (message: string) =>
  message
    .split('\n')[0]!
    .replace(/;.*$/, '')
    .replace(/ at line \d+.*$/, '');

/** @throws UserError for an alias without an anchor, or aliases that blow up. */
function plainValue(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    return refuse(file, [`  ${file}  ${messageOf(error)}`]);
  }
}
