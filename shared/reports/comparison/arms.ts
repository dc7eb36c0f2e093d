/** Names and colours of arms on the page. */
import type { ComparisonDesign } from '../../decisions/comparison/design.ts';
import { html, type Markup, trusted } from '../html.ts';
import { armStyles, type GroupStyle, swatch } from '../palette.ts';
import { orderedArms } from './summary.ts';

/** The style of an arm, the same in every figure. */
export function styleOfArm({ arms, reference }: ComparisonDesign): (arm: string) => GroupStyle {
  const styles = armStyles(
    arms.map(({ name }) => name),
    reference,
  );
  return (arm) => styles.get(arm)!;
}

/** An arm's name behind its swatch. */
export const armCell = (design: ComparisonDesign, arm: string): Markup =>
  html`<span class="whole">${swatch(styleOfArm(design)(arm))} ${arm}</span>`;

/** A legend of all arms. */
export function armLegend(design: ComparisonDesign): Markup {
  const style = styleOfArm(design);
  return html`<ul class="legend" aria-label="Arms">${orderedArms(design).map(
    ({ name }) => html`<li>${swatch(style(name))} ${name}${name === design.reference ? ' (reference)' : ''}</li>`,
  )}</ul>`;
}

/** A part of a section for every size, headed by it where there are several. */
export function bySize(
  { sizes }: ComparisonDesign,
  heading: (size: number | null) => string,
  part: (size: number | null) => Markup | null,
): Markup | null {
  const parts = sizes.flatMap((size) => {
    const content = part(size);
    if (!content) return [];
    return [sizes.length > 1 ? html`<h3>${heading(size)}</h3>${content}` : content];
  });
  return parts.length > 0 ? html`${parts}` : null;
}

/** A disc of an arm's colour, within text. */
export const discOfArm = (design: ComparisonDesign, arm: string): Markup =>
  trusted(`<span class="disc" aria-hidden="true" style="color: ${styleOfArm(design)(arm).stroke}"></span>`);
