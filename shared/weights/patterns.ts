/** A glob as a test of names: `*` stands for any characters, dots included, `?` for one, `{a,b}` for either. */
export function namePattern(pattern: string): (name: string) => boolean {
  let source = '';
  let open = 0;
  for (const character of pattern) {
    if (character === '*') source += '.*';
    else if (character === '?') source += '.';
    else if (character === '{') {
      source += '(?:';
      open++;
    } else if (character === '}' && open > 0) {
      source += ')';
      open--;
    } else if (character === ',' && open > 0) source += '|';
    else source += character.replace(/[.+^$()|[\]{}\\]/, '\\$&');
  }
  const expression = new RegExp(`^${source}${')'.repeat(open)}$`, 's');
  return (name) => expression.test(name);
}

/** Whether a name matches one of the globs. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => namePattern(pattern)(name));
}
