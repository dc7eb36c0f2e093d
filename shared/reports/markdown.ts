/** Pieces of Markdown. */
export function section(title: string, content: string): string {
  return content === '' ? '' : `## ${title}\n\n${content}`;
}

export function list(entries: readonly (readonly [string, unknown])[]): string {
  return entries
    .map(
      ([key, value]) =>
        `- ${inline(key)}: ${inline(typeof value === 'object' ? JSON.stringify(value) : String(value))}`,
    )
    .join('\n');
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** A fence longer than any run of backticks inside. */
export function fenced(language: string, code: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${code.trimEnd()}\n${fence}`;
}

/** Text that stays on its line and is not taken for Markdown or HTML. */
export function inline(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>#]/g, (character) => `\\${character}`);
}
