/** Whether a name matches a pattern in which `*` stands for any characters, dots included, and `?` for one. */
export function matchesName(pattern: string, name: string): boolean {
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, (character) =>
    character === '*' ? '.*' : character === '?' ? '.' : `\\${character}`,
  );
  return new RegExp(`^${source}$`, 's').test(name);
}
