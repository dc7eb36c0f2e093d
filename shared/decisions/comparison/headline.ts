import { formatAmount, formatChange } from '../../core/format.ts';
import type { ComparisonDesign } from './design.ts';
import type { ArmFinding, Recommendation } from './judgement.ts';
import { listed, rowsOf } from './words.ts';

/** The whole in one sentence: what to take, and what was found of every arm that is no control. */
export function headlineOf(design: ComparisonDesign, findings: readonly ArmFinding[], { arm }: Recommendation): string {
  const own = (name: string) => findings.filter((finding) => finding.arm === name);
  const others = design.arms.filter(({ name, isControl }) => name !== design.reference && name !== arm && !isControl);
  const rest = others.map(({ name }) => armWords(design, name, own(name)));
  if (arm !== design.reference) return `Take ${[`${arm}: it ${foundWords(design, own(arm))}`, ...rest].join('; ')}.`;
  return rest.length > 0 ? `Keep ${arm}: ${rest.join('; ')}.` : `Keep ${arm}: there is no other arm to take.`;
}

const armWords = (design: ComparisonDesign, name: string, findings: readonly ArmFinding[]): string =>
  `${name} ${foundWords(design, findings)}`;

/** `helps at 8 and 16 rows (nRMSE 2.7 % and 1.9 % lower) and is undecided at 64 rows` */
function foundWords(design: ComparisonDesign, findings: readonly ArmFinding[]): string {
  const kinds = ['helps', 'harms', 'noEffect', 'undecided'] as const;
  const parts = kinds.flatMap((kind) => {
    const found = findings.filter(({ finding }) => finding === kind);
    return found.length > 0 ? [`${doing(design, kind)}${whereWords(design, found)}${howMuch(design, found)}`] : [];
  });
  return listed(parts);
}

function doing({ smallestEffect, unit }: ComparisonDesign, kind: ArmFinding['finding']): string {
  if (kind === 'noEffect') return `has no effect above ${formatAmount(smallestEffect, unit)}`;
  return kind === 'undecided' ? 'is undecided' : kind;
}

function whereWords({ sizes }: ComparisonDesign, found: readonly ArmFinding[]): string {
  if (sizes.length === 1) return '';
  return found.length === sizes.length ? ' at every size' : ` at ${listed(found.map(({ size }) => rowsOf(size)))}`;
}

/** By how much, and whether by its spectra, where it helps or harms. */
function howMuch({ metric, unit }: ComparisonDesign, found: readonly ArmFinding[]): string {
  if (!found.some(({ finding }) => finding === 'helps' || finding === 'harms')) return '';
  const changes = listed(found.map(({ change }) => formatChange(change, unit)));
  return ` (${metric.name} ${changes}${spectraWords(found)})`;
}

function spectraWords(found: readonly ArmFinding[]): string {
  const judged = found.filter(({ finding, bySpectra }) => finding === 'helps' && bySpectra !== null);
  if (judged.length === 0) return '';
  const shown = judged.filter(({ bySpectra }) => bySpectra).length;
  if (shown === judged.length) return ', by its spectra';
  return shown === 0 ? ', not shown to be by its spectra' : `, at ${shown} of these sizes by its spectra`;
}
