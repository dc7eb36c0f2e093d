/** What is kept of a comparison's `result.json` beside the documentation: all but the curves, which are most of it, a line for each run. */
export function keptResult(text: string): string {
  const { results, ...rest } = JSON.parse(text) as { results: { curve: unknown }[] };
  const lines = results.map(({ curve: _, ...run }) => `    ${JSON.stringify(run)}`);
  return `${JSON.stringify(rest, null, 2).replace(/\n}$/, '')},\n  "results": [\n${lines.join(',\n')}\n  ]\n}\n`;
}
