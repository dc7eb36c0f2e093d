import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../cli/program.ts';

const program = buildProgram(() => {});
const names = program.commands.map((command) => command.name());

interface Line {
  /** File and line. */
  readonly where: string;
  readonly text: string;
}

/** Lines that people copy: blocks of code and inline code of pages, and what the program prints. */
function linesToCopy(): Line[] {
  const files = execFileSync('git', ['ls-files', '*.md', 'cli', 'shared', 'functions', 'infra'], { encoding: 'utf8' });
  return files.split('\n').flatMap((file) => {
    if (!/\.(ts|md)$/.test(file) || file === 'CHANGELOG.md') return [];
    let inFence = false;
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((text, index) => {
        const where = `${file}:${index + 1}`;
        if (file.endsWith('.ts')) return /^\s*(\/?\*|\/\/)/.test(text) ? [] : [{ where, text }];
        if (text.startsWith('```')) inFence = !inFence;
        const isCode = inFence || text.startsWith('    ');
        return isCode
          ? [{ where, text }]
          : [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => ({ where, text: code! }));
      });
  });
}

const lines = linesToCopy();

/** The words of a command in a line, up to where something else begins. */
function commandsIn({ where, text }: Line): { where: string; words: string[] }[] {
  return [...text.matchAll(/(?:npx |npm run (?:-s )?)tempbalance ?(?:-- )?([^|#`'"&;\\,()]*)/g)].map(([, rest]) => ({
    where,
    words: rest!
      .replace(/\.?<\/.*$/, '')
      .replaceAll(/\$\{[^}]*\}/g, 'x')
      .split(/\s+/)
      .filter(Boolean),
  }));
}

function faultOf(command: Command, words: readonly string[]): string | undefined {
  let positional = 0;
  for (let at = 0; at < words.length; at++) {
    const [flag] = words[at]!.split('=');
    if (flag === '--') return undefined;
    if (!flag!.startsWith('-') || flag === '-') {
      positional += 1;
      continue;
    }
    const option = command.options.find(({ short, long }) => flag === short || flag === long);
    if (!option && flag !== '--help') return `no option ${flag}`;
    if (option && (option.required || option.optional) && !words[at]!.includes('=')) at += 1;
  }
  const most = command.registeredArguments.some(({ variadic }) => variadic)
    ? Number.POSITIVE_INFINITY
    : command.registeredArguments.length;
  return positional > most ? `${positional} arguments where ${most} are taken` : undefined;
}

/** What would not work of a command. */
function fault(words: readonly string[]): string | undefined {
  const [name, ...rest] = words;
  if (name === undefined || /^[^a-z-]|^x/.test(name)) return undefined;
  if (name === '--version' || name === '--help') return undefined;
  const command = program.commands.find((each) => each.name() === name);
  if (!command) return `no command ${name}`;
  if (name !== 'cloud') return faultOf(command, rest);
  if (rest.length === 0 || rest[0] === 'x') return undefined;
  const sub = command.commands.find((each) => each.name() === rest[0]);
  return sub ? faultOf(sub, rest.slice(1)) : `no command cloud ${rest[0]}`;
}

describe('commands in pages and messages', () => {
  it('are known, with their options and arguments', () => {
    const found = lines.flatMap(commandsIn);
    expect(found.length).toBeGreaterThan(150);
    const faults = found.flatMap(({ where, words }) => {
      const what = fault(words);
      return what ? [`${where}: ${what}: ${words.join(' ')}`] : [];
    });
    expect(faults).toEqual([]);
  });

  it('begin with npx, which finds them in a clone and where the package is installed', () => {
    const bare = new RegExp(`(?<!npx |run |[\\w/.@-])tempbalance (${names.join('|')})\\b [^|]`);
    const isName = ({ where, text }: Line) => where.includes('.md:') && !/^ {4}|^\$/.test(text);
    expect(lines.filter((line) => bare.test(line.text) && !isName(line)).map(({ where }) => where)).toEqual([]);
  });
});
