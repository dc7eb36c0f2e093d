import type { ArmFinding } from '../../../decisions/comparison/judgement.ts';
import { formatCount } from '../../format.ts';
import { html, type Markup } from '../../html.ts';
import type { Section } from '../../section.ts';
import { stepsList } from '../../steps.ts';
import { discOfArm } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { type PlacedResult, stepsAfterComparison } from '../next-steps.ts';
import { asSentence, formatSize, formatTaken } from '../words.ts';

/** More sentences than these are folded away, those that decide nothing first. */
const MOST_FINDINGS = 12;
const MOST_REASONS = 4;
const LONGEST_REMARK = 240;

export const verdictSection: Section<PlacedResult> = {
  name: 'verdict',
  title: 'Verdict',
  howToRead:
    'What was found, which settings to take, and what it rests on. An arm is said to help or to harm only where its test seeds can tell that from chance.',
  render(result) {
    const { judgement, winners, stopped, design } = result;
    const reasons = [...(stopped === null ? [] : [asSentence(stopped)]), ...judgement.basis];
    const steps = stepsAfterComparison(result);
    const files = winners.map(
      ({ size, file }) => html`<code class="whole">${file}</code>${winners.length > 1 ? ` (${formatSize(size)})` : ''}`,
    );
    return html`<p class="headline">${judgement.headline}</p>
<p><strong>Settings to take: ${formatTaken(result)}.</strong> ${judgement.recommendation.reason}${
      files.length === 0 ? null : html` Run file: ${files.map((file, index) => html`${index > 0 ? ', ' : ''}${file}`)}.`
    }</p>
${findingsList(judgement.findings, design.sizes.length > 1, result)}${steps.length > 0 ? html`<h3>What next?</h3>${stepsList(steps)}` : null}${reasons.length > 0 ? callout(reasons) : null}`;
  },
};

function callout(reasons: readonly string[]): Markup {
  const [few, others] = [reasons.slice(0, MOST_REASONS), reasons.slice(MOST_REASONS)];
  const list = (sentences: readonly string[]) =>
    html`<ul class="findings">${sentences.map((reason) => html`<li>${foldedRemark(reason)}</li>`)}</ul>`;
  return html`<div class="callout" role="note" aria-label="What this rests on"><p><strong>What this rests on</strong></p>${list(few)}${
    others.length > 0
      ? html`<details><summary>${formatCount(others.length, 'more remark')}</summary>${list(others)}</details>`
      : null
  }</div>
`;
}

/** A remark that lists many runs is folded behind what it says of them. */
function foldedRemark(remark: string): Markup | string {
  const at = remark.indexOf(': ');
  if (remark.length <= LONGEST_REMARK || at === -1) return remark;
  return html`<details><summary>${remark.slice(0, at)}</summary>${remark.slice(at + 2)}</details>`;
}

function findingsList(findings: readonly ArmFinding[], isBySize: boolean, { design }: ComparisonResult): Markup | null {
  if (findings.length === 0) return null;
  const item = ({ arm, size, sentence }: ArmFinding) =>
    html`<li>${discOfArm(design, arm)} ${isBySize && size !== null ? html`<span class="soft">${formatSize(size)}:</span> ` : null}${sentence}</li>`;
  const list = (some: readonly ArmFinding[]) => html`<ul class="findings bare">${some.map(item)}</ul>`;
  if (findings.length <= MOST_FINDINGS) return list(findings);
  const isTold = ({ finding }: ArmFinding) => finding === 'helps' || finding === 'harms';
  const told = findings.filter(isTold).slice(0, MOST_FINDINGS);
  const others = findings.filter((finding) => !told.includes(finding));
  return html`${told.length > 0 ? list(told) : null}<details><summary>${formatCount(others.length, 'further finding')}</summary>${list(others)}</details>`;
}
