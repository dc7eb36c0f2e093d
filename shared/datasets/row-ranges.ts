/** Row numbers in few words: `0-99`, `3, 7-12`, `0-198 by 2`. Ascending. */
export function rowRanges(rows: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < rows.length; ) {
    const step = (rows[at + 1] ?? rows[at]! + 1) - rows[at]!;
    let end = at;
    while (rows[end + 1] === rows[end]! + step) end++;
    // Two numbers that are not neighbours are no range.
    if (step !== 1 && end - at < 2) end = at;
    const by = step === 1 ? '' : ` by ${step}`;
    parts.push(end === at ? `${rows[at]}` : `${rows[at]}-${rows[end]}${by}`);
    at = end + 1;
  }
  return parts.join(', ');
}
