import { formatAmount, formatChange, formatList } from '../../core/format.ts';
import type { ComparisonDesign } from './design.ts';
import type { ArmFinding, Recommendation } from './judgement.ts';
import { rowsOf } from './words.ts';

/** The whole in one sentence: what to take, and what was found of every arm that is no control. */
export function headlineOf(design: ComparisonDesign, findings: readonly ArmFinding[], { arm }: Recommendation): string {
  if (findings.every(({ means }) => means === null))
    return `Nothing is decided: no arm has test results that can be compared with those of ${design.reference}.`;
  const own = (name: string) => findings.filter((finding) => finding.arm === name);
  const others = design.arms.filter(({ name, isControl }) => name !== design.reference && name !== arm && !isControl);
  // Arms of which the same is said are named together.
  const alike = Map.groupBy(others, ({ name }) => foundWords(design, own(name), false));
  const rest = [...alike.values()].map((arms) => {
    const names = arms.map(({ name }) => name);
    return `${formatList(names)} ${foundWords(design, own(names[0]!), names.length > 1)}`;
  });
  if (arm !== design.reference)
    return `Take ${[`${arm}: it ${foundWords(design, own(arm), false)}`, ...rest].join('; ')}.`;
  return rest.length > 0 ? `Keep ${arm}: ${rest.join('; ')}.` : `Keep ${arm}: there is no other arm to take.`;
}

/** `helps at 8 rows (nRMSE 2.7 % lower) and is undecided at 64 rows`, of one arm or of several */
function foundWords(design: ComparisonDesign, findings: readonly ArmFinding[], areSeveral: boolean): string {
  const amount = formatAmount(design.smallestEffect, design.unit);
  const doing = areSeveral
    ? { helps: 'help', harms: 'harm', noEffect: `have no effect above ${amount}`, undecided: 'are undecided' }
    : { helps: 'helps', harms: 'harms', noEffect: `has no effect above ${amount}`, undecided: 'is undecided' };
  const parts = (['helps', 'harms', 'noEffect', 'undecided'] as const).flatMap((kind) => {
    const found = findings.filter(({ finding }) => finding === kind);
    return found.length > 0 ? [`${doing[kind]}${whereWords(design, found)}${howMuch(design, found)}`] : [];
  });
  return formatList(parts);
}

function whereWords({ sizes }: ComparisonDesign, found: readonly ArmFinding[]): string {
  if (sizes.length === 1) return '';
  return found.length === sizes.length ? ' at every size' : ` at ${formatList(found.map(({ size }) => rowsOf(size)))}`;
}

/** By how much, and whether by its spectra, where it helps or harms. */
function howMuch({ metric, unit }: ComparisonDesign, found: readonly ArmFinding[]): string {
  if (!found.some(({ finding }) => finding === 'helps' || finding === 'harms')) return '';
  const changes = formatList(found.map(({ change }) => formatChange(change, unit)));
  return ` (${metric.name} ${changes}${spectraWords(found)})`;
}

function spectraWords(found: readonly ArmFinding[]): string {
  const judged = found.filter(({ finding, bySpectra }) => finding === 'helps' && bySpectra !== null);
  if (judged.length === 0) return '';
  const shown = judged.filter(({ bySpectra }) => bySpectra).length;
  if (shown === judged.length) return ', by its spectra';
  return shown === 0 ? ', not shown to be by its spectra' : `, at ${shown} of these sizes by its spectra`;
}
