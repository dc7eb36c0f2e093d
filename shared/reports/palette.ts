import { html, type Markup, trusted } from './html.ts';

/** How one run is drawn in every figure, told apart by dash as well as by colour. */
export interface RunStyle {
  /** A CSS colour that follows the page's light or dark scheme. */
  readonly stroke: string;
  readonly dash: string;
}

const DASHES = ['none', '7 3', '2 3', '9 3 2 3', '12 4'];

/** The style of the run with this index. */
export function runStyle(index: number): RunStyle {
  return { stroke: `var(--series-${(index % 5) + 1})`, dash: DASHES[index % DASHES.length]! };
}

/** A legend of runs; nothing where there is only one. */
export function legend(names: readonly string[]): Markup | null {
  if (names.length < 2) return null;
  return html`<ul class="legend">${names.map((name, index) => html`<li>${swatch(runStyle(index))} ${name}</li>`)}</ul>`;
}

function swatch({ stroke, dash }: RunStyle): Markup {
  return trusted(
    `<svg width="30" height="10" aria-hidden="true"><line x1="1" x2="29" y1="5" y2="5" stroke="${stroke}" stroke-width="2.5" stroke-dasharray="${dash}"/></svg>`,
  );
}
