import type { Finding } from '../shared/core/finding.ts';

const marks = { ok: 'ok', note: 'note', problem: 'PROBLEM' } as const;

/** A line for each, and what to do below it. */
export function describeFindings(findings: readonly Finding[]): string {
  const width = Math.max(20, ...findings.map(({ check }) => check.length));
  const lines = findings.map(({ check, result, found, remedy }) => {
    const line = `${marks[result].padEnd(8)} ${check.padEnd(width)} ${found}`;
    return remedy === undefined ? line : `${line}\n${' '.repeat(width + 10)}${remedy}`;
  });
  return lines.join('\n');
}
