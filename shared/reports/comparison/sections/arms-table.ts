import type { ControlFinding } from '../../../decisions/comparison/judgement.ts';
import { table } from '../../figure.ts';
import { html, type Markup } from '../../html.ts';
import type { Section } from '../../section.ts';
import { formatMeanAndDeviation } from '../../verdict.ts';
import { armCell, bySize } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { type ArmSummary, armsAt } from '../summary.ts';
import {
  findingWords,
  formatP,
  formatRange,
  formatSeeds,
  formatSignedChange,
  formatSize,
  formatTried,
  tunedKey,
  unitSymbols,
  unitWords,
  withDirection,
} from '../words.ts';

export const armsTableSection: Section<ComparisonResult> = {
  name: 'arms',
  title: 'Arms',
  howToRead:
    'On test data, by the test seeds: mean ± standard deviation, and the change from the reference by the seeds that both have. Both 95 % intervals are of the mean change: “t” by Student’s distribution, “bootstrap” by resampling pairs of seeds. p is of the paired t-test, adjusted for all arms and sizes (Holm). “By its spectra”: whether the arm helps and beats its controls, which have its factors shuffled, inverted or averaged.',
  render(result) {
    return bySize(
      result.design,
      (size) => formatSize(size),
      (size) => html`${armTable(result, size)}${controlsTable(result, size)}`,
    );
  },
};

function armTable(result: ComparisonResult, size: number | null): Markup {
  const { design } = result;
  const key = tunedKey(design);
  const unit = unitSymbols[design.unit];
  const summaries = armsAt(result, size);
  if (summaries.every(({ values }) => values.length === 0)) return html`<p>No test run has a value.</p>`;
  const hasControls = summaries.some(({ finding }) => finding?.controls);
  const header = [
    'Arm',
    withDirection(design.metric),
    `Change (${unit})`,
    'Verdict',
    ...(hasControls ? ['By its spectra'] : []),
    '95 % (t)',
    '95 % (bootstrap)',
    'p',
    ...(key ? [key] : []),
    'Seeds',
  ];
  return table(
    size === null || design.sizes.length > 1 ? 'One row per arm' : `One row per arm, ${formatSize(size)}`,
    header,
    summaries.map((summary) => {
      const { arm, mean, standardDeviation, finding, isReference } = summary;
      return [
        armCell(design, arm.name),
        formatMeanAndDeviation({ mean, standardDeviation, unit: design.unit }),
        formatSignedChange(finding?.change ?? null),
        verdictCell(summary, isReference),
        ...(hasControls ? [spectraCell(summary)] : []),
        formatRange(finding?.interval ?? null),
        formatRange(finding?.bootstrap ?? null),
        formatP(finding?.p ?? null),
        ...(key ? [tuned(summary)] : []),
        formatSeeds(summary, design),
      ];
    }),
    header.flatMap((name, column) => (['Arm', 'Verdict', 'By its spectra'].includes(name) ? [] : [column])),
  );
}

function tuned({ tuning, tried }: ArmSummary): string {
  return tuning?.state === 'edge' ? `${formatTried(tried)} (edge)` : formatTried(tried);
}

function verdictCell({ finding }: ArmSummary, isReference: boolean): Markup {
  if (isReference) return html`<span class="whole">reference</span>`;
  if (!finding) return html`–`;
  const word = findingWords[finding.finding];
  const shown = finding.finding === 'helps' || finding.finding === 'harms' ? html`<strong>${word}</strong>` : word;
  return html`<span class="whole">${shown}</span>`;
}

function spectraCell({ arm, finding }: ArmSummary): Markup | string {
  if (arm.isControl) return html`<span class="soft">control</span>`;
  if (!finding || finding.bySpectra === null) return '–';
  return finding.bySpectra ? html`<strong>yes</strong>` : 'no';
}

/** How the arms of a size do against their controls; null where none has any. */
function controlsTable(result: ComparisonResult, size: number | null): Markup | null {
  const { design } = result;
  const rows = armsAt(result, size).flatMap(({ arm, finding }) =>
    finding?.controls ? [{ arm, found: finding.controls }] : [],
  );
  const names = [...new Set(rows.flatMap(({ found }) => found.map(({ control }) => control)))];
  const isAny = rows.some(({ found }) => found.some(({ change }) => change !== null));
  if (!isAny) return null;
  const key = `From the control to the arm: mean change in ${unitWords[design.unit]}, its 95 % interval (t), and p, adjusted for all controls (Holm).`;
  return html`<p class="key">${key}</p>${table(
    'Arms against their controls',
    ['Arm', ...names.map((control) => armCell(design, control))],
    rows.map(({ arm, found }) => [
      armCell(design, arm.name),
      ...names.map((name) => {
        const control = found.find((other) => other.control === name);
        return control ? controlCell(control) : '–';
      }),
    ]),
  )}`;
}

function controlCell({ change, interval, p, isBeaten }: ControlFinding): Markup {
  const numbers = `${formatRange(interval)}, p ${formatP(p)}`;
  return html`<span class="whole">${formatSignedChange(change)}: ${isBeaten ? html`<strong>beaten</strong>` : 'not beaten'}</span><br><span class="whole soft">${numbers}</span>`;
}
