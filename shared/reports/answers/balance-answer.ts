/** Did balancing matter: what one run, or several, can say of it. */
import type { Comparison } from '../compare.ts';
import { formatFixed, formatNumber } from '../format.ts';
import { groupRuns } from '../groups.ts';
import type { RunReport } from '../report-input.ts';
import { analysedEpochs, balancedAlone, factorOf, lastEpoch, multipliersByEpoch } from '../runs.ts';
import { findingWords } from '../verdict.ts';

/** Whether balancing mattered, in sentences. */
export function balanceAnswer(runs: readonly RunReport[], comparison: Comparison): string[] {
  const [only] = runs;
  return only && runs.length === 1 ? ofOne(only) : ofSeveral(runs, comparison);
}

const cannotTell =
  'One run can’t tell whether that helped: a comparison with the same training without balancing would, with several seeds.';

function ofOne(run: RunReport): string[] {
  if (run.config.balance === 'off') {
    return ['Balancing was off: all layers trained at the base rate. A comparison would tell whether it helps.'];
  }
  if (lastEpoch(run) === 0) return ['No epoch was trained, so there is nothing to tell.'];
  const factors = multipliersByEpoch(run).flatMap(({ rates }) => rates.map((rate) => factorOf(balancedAlone(rate))));
  const known = factors.filter((factor) => Number.isFinite(factor));
  const [low, high] = [Math.min(1, ...known), Math.max(1, ...known)];
  if (low === high) return ['It changed no rate: every layer trained at the base rate.'];
  return [
    `Layers trained at ${formatNumber(low, 3)} to ${formatNumber(high, 3)} times the base.${spread(run)}`,
    cannotTell,
  ];
}

/** A sentence about the change of alpha's spread. */
function spread(run: RunReport): string {
  const analysed = analysedEpochs(run).map(({ spectra }) => spectra.summary.alphaStd);
  const [first, last] = [analysed[0], analysed.at(-1)];
  if (analysed.length < 2 || first == null || last == null) return '';
  const how = last < first ? 'fell' : last > first ? 'grew' : 'stayed';
  return ` The spread of alpha over layers ${how} from ${formatFixed(first)} to ${formatFixed(last)}.`;
}

function ofSeveral(runs: readonly RunReport[], { groups }: Comparison): string[] {
  const { groups: members, differences } = groupRuns(runs);
  const isOff = members.map(({ runs: [first] }) => first!.config.balance === 'off');
  if (new Set(isOff).size < 2) {
    const all = isOff[0] ? 'In none of these runs was balancing on' : 'Balancing was on in all of these runs';
    return [`${all}, so they can’t tell whether it matters: a comparison of both would.`];
  }
  const others = differences.map(({ key }) => key).filter((key) => !/^balance(\.|$)/.test(key));
  if (others.length > 0) {
    const some = `${others.slice(0, 3).join(', ')}${others.length > 3 ? ', …' : ''}`;
    return [`These runs differ in more than balancing (${some}), so they can’t tell what it did.`];
  }
  const findings = groups.flatMap(({ label, difference }, index) => {
    const isOpposite = index > 0 && difference && isOff[index] !== isOff[0];
    return isOpposite ? [`“${label}” against “${groups[0]!.label}”: ${findingWords[difference.finding]}.`] : [];
  });
  if (findings.length === 0) return ['No group can be set against one without balancing.'];
  return [...findings, 'That it is the spectra that help, only a comparison with controls (balance.control) can show.'];
}
