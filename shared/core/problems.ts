/** From zod's issues to problems a person can act on: which key, what is wrong, what is allowed, what was probably meant. */
import type { z } from 'zod';
import { didYouMean } from './suggest.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly (string | number)[];

export interface Problem {
  /** Keys from the top, list positions as numbers. */
  readonly path: Path;
  readonly what: string;
  /** What is allowed, and a guess at what was meant; may be empty. */
  readonly hint: string;
  /** The fault is the key's name, not its value. */
  readonly atKey?: boolean;
}

/** `training.optimizer.name`, `exclude[2]` */
export function formatPath(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

const shown = (value: unknown): string => {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

/** The words for types of values in a kind of file. */
type Words = Readonly<Record<string, string>>;
const common: Words = { array: 'a list', string: 'text', int: 'a whole number', null: 'nothing' };
const ofSettings: Words = { ...common, object: 'a section', record: 'a section' };
const ofJson: Words = { ...common, object: 'an object', record: 'an object', null: 'null' };
const typeName = (type: string, words: Words) => words[type] ?? `a ${type}`;

/** `text ("abc")` */
function described(value: unknown, words: Words): string {
  if (value === null) return words.null!;
  return `${typeName(Array.isArray(value) ? 'array' : typeof value, words)} (${shown(value)})`;
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined,
    root,
  );
}

const choose = (given: unknown, allowed: readonly unknown[]) => {
  const guess = typeof given === 'string' ? didYouMean(given, allowed.map(String)) : '';
  return `${guess ? `${guess} ` : ''}Allowed: ${allowed.map(String).join(', ')}.`;
};

/** Of a union's branches, the one that the input was meant for: of its kind, and with the fewest complaints. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const atRoot = (issues: readonly Issue[]) =>
    issues.some((issue) => issue.path.length === 0 && issue.code !== 'unrecognized_keys');
  return branches.filter((issues) => !atRoot(issues)).toSorted((a, b) => a.length - b.length)[0];
}

function allowedOfUnion(branches: readonly (readonly Issue[])[], words: Words): string {
  const parts = branches.flatMap((issues) =>
    issues.map((issue) => {
      if (issue.code === 'invalid_value') return issue.values.map(String).join(', ');
      if (issue.code === 'invalid_type') return typeName(issue.expected, words);
      return issue.message;
    }),
  );
  return `Allowed: ${[...new Set(parts)].join(', or ')}.`;
}

interface Explaining {
  readonly keysAt: (path: Path) => readonly string[];
  readonly words: Words;
}

/** @param keysAt the keys that the schema knows at a path, for unknown ones. */
export const explainIssues = (issues: readonly Issue[], input: unknown, keysAt: Explaining['keysAt']): Problem[] =>
  explain(issues, input, { keysAt, words: ofSettings });

/** What is wrong in a JSON file of another tool, a line each: `hidden_size: is text ("abc"). It must be a number.` */
export function explainJson(issues: readonly Issue[], content: unknown): string[] {
  return explain(issues, content, { keysAt: () => [], words: ofJson }).map(({ path, what, hint }) => {
    const where = path.length > 0 ? `${formatPath(path)}: ` : '';
    return where + (hint === '' ? what : `${what}. ${hint[0]!.toUpperCase()}${hint.slice(1)}`);
  });
}

function explain(issues: readonly Issue[], input: unknown, how: Explaining, prefix: Path = []): Problem[] {
  const { keysAt, words } = how;
  return issues.flatMap((issue): Problem[] => {
    const path = [...prefix, ...(issue.path as Path)];
    const given = valueAt(input, path);
    switch (issue.code) {
      case 'unrecognized_keys': {
        const known = keysAt(path);
        return issue.keys.map((key) => ({
          path: [...path, key],
          what: 'unknown key',
          hint: known.length > 0 ? choose(key, known) : '',
          atKey: true,
        }));
      }
      case 'invalid_type':
        return given === undefined
          ? [{ path, what: 'is missing', hint: `It must be ${typeName(issue.expected, words)}.` }]
          : [
              {
                path,
                what: `is ${described(given, words)}`,
                hint: `It must be ${typeName(issue.expected, words)}.`,
              },
            ];
      case 'invalid_value':
        return given === undefined
          ? [{ path, what: 'is missing', hint: choose(given, issue.values) }]
          : [{ path, what: `can't be ${shown(given)}`, hint: choose(given, issue.values) }];
      case 'invalid_union': {
        if ('options' in issue && Array.isArray(issue.options)) {
          const what = given === undefined ? 'is missing' : `can't be ${shown(given)}`;
          return [{ path, what, hint: choose(given, issue.options) }];
        }
        const meant = meantBranch(issue.errors);
        if (meant) return explain(meant, input, how, path);
        const what = given === undefined ? 'is missing' : `can't be ${shown(given)}`;
        return [{ path, what, hint: allowedOfUnion(issue.errors, words) }];
      }
      case 'too_small':
        return [
          {
            path,
            what: `is too small (${shown(given)})`,
            hint: `It must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}.`,
          },
        ];
      case 'too_big':
        return [
          {
            path,
            what: `is too large (${shown(given)})`,
            hint: `It must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}.`,
          },
        ];
      default:
        return [{ path, what: issue.message, hint: '' }];
    }
  });
}
