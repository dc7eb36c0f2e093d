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
  withArrow,
} from '../words.ts';

export const armsTableSection: Section<ComparisonResult> = {
  name: 'arms',
  title: 'Arms',
  howToRead:
    'On test data, by the test seeds: mean ± standard deviation, and the change from the reference by the seeds that both have (the arrow shows which way is better). Both intervals are of the mean change and hold it with 95 %: “t” by Student’s distribution, “bootstrap” by resampling pairs of seeds. p is of the paired t-test, adjusted for all arms and sizes (Holm). “By its spectra”: whether the arm helps and beats its controls, which have its factors shuffled, inverted or averaged.',
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
  const hasControls = summaries.some(({ finding }) => finding?.controls);
  const header = [
    'Arm',
    'Seeds',
    withArrow(design.metric),
    ...(key ? [key] : []),
    `Change (${unit})`,
    'Interval (t)',
    'Interval (bootstrap)',
    'p',
    'Verdict',
    ...(hasControls ? ['By its spectra'] : []),
  ];
  return table(
    `One row per arm, ${formatSize(size)}`,
    header,
    summaries.map((summary) => {
      const { arm, mean, standardDeviation, finding, isReference } = summary;
      return [
        armCell(design, arm.name),
        formatSeeds(summary, design),
        formatMeanAndDeviation({ mean, standardDeviation, unit: design.unit }),
        ...(key ? [tuned(summary)] : []),
        formatSignedChange(finding?.change ?? null),
        formatRange(finding?.interval ?? null),
        formatRange(finding?.bootstrap ?? null),
        formatP(finding?.p ?? null),
        verdictCell(summary, isReference),
        ...(hasControls ? [spectraCell(summary)] : []),
      ];
    }),
    header.flatMap((name, column) => (['Arm', 'Verdict', 'By its spectra'].includes(name) ? [] : [column])),
  );
}

function tuned({ tuning, tried }: ArmSummary): string {
  return tuning?.state === 'edge' ? `${formatTried(tried)} (edge)` : formatTried(tried);
}

function verdictCell({ finding, arm }: ArmSummary, isReference: boolean): Markup {
  if (isReference) return html`<span class="whole">reference</span>`;
  if (!finding) return html`–`;
  const word = findingWords[finding.finding];
  const shown = finding.finding === 'helps' || finding.finding === 'harms' ? html`<strong>${word}</strong>` : word;
  return html`<span class="whole">${shown}${arm.isControl ? html` <span class="soft">control</span>` : null}</span>`;
}

function spectraCell({ finding }: ArmSummary): Markup | string {
  if (!finding || finding.bySpectra === null) return '–';
  return finding.bySpectra ? html`<strong>yes</strong>` : 'no';
}

/** How the arms of a size do against their controls; null where none has any. */
function controlsTable(result: ComparisonResult, size: number | null): Markup | null {
  const { design } = result;
  const rows = armsAt(result, size).flatMap(({ arm, finding }) =>
    (finding?.controls ?? []).map(({ control, change, interval, p, isBeaten }) => [
      armCell(design, arm.name),
      armCell(design, control),
      formatSignedChange(change),
      formatRange(interval),
      formatP(p),
      isBeaten ? html`<strong>yes</strong>` : 'no',
    ]),
  );
  if (rows.length === 0) return null;
  return table(
    `Arms against their controls, ${formatSize(size)}: the change from the control to the arm, with its 95 % interval by Student’s distribution`,
    ['Arm', 'Control', `Change (${unitSymbols[design.unit]})`, 'Interval (t)', 'p', 'Beaten'],
    rows,
    [2, 3, 4],
  );
}
