import { html, type Markup, trusted } from './html.ts';

/** A mark at a value, told apart by shape as well as by colour. */
export type Marker = 'circle' | 'square' | 'triangle' | 'diamond' | 'star' | 'cross' | 'wye';

/** How one group of runs is drawn in every figure, told apart by dash and marker as well as by colour. */
export interface GroupStyle {
  /** A CSS colour that follows the page's light or dark scheme. */
  readonly stroke: string;
  readonly dash: string;
  readonly marker: Marker;
  /** Drawn as an outline. */
  readonly isHollow: boolean;
  /** Written at the end of the group's line; null where colour, dash and marker tell it. */
  readonly mark: string | null;
}

const looks: readonly Pick<GroupStyle, 'dash' | 'marker' | 'isHollow'>[] = [
  { dash: 'none', marker: 'circle', isHollow: false },
  { dash: '7 3', marker: 'square', isHollow: false },
  { dash: '2 3', marker: 'triangle', isHollow: false },
  { dash: '9 3 2 3', marker: 'diamond', isHollow: false },
  { dash: '12 4', marker: 'star', isHollow: false },
  { dash: '5 2 1 2 1 2', marker: 'cross', isHollow: false },
  { dash: '4 2', marker: 'wye', isHollow: false },
  { dash: '14 3 4 3', marker: 'circle', isHollow: true },
  { dash: '3 1', marker: 'square', isHollow: true },
  { dash: '16 2 2 2 2 2', marker: 'triangle', isHollow: true },
];

/** Groups that colour, dash and marker tell apart. */
export const STYLED_GROUPS = looks.length;

/** The style of the group with this index. Those beyond the styled ones share a colour, and are told by their number. */
export function groupStyle(index: number): GroupStyle {
  const look = looks[index];
  if (look) return { stroke: `var(--series-${index + 1})`, ...look, mark: null };
  return { stroke: 'var(--series-rest)', dash: 'none', marker: 'circle', isHollow: true, mark: String(index + 1) };
}

const moreLooks: typeof looks = [
  { dash: '1 2', marker: 'diamond', isHollow: true },
  { dash: '10 2 1 2', marker: 'star', isHollow: true },
  { dash: '6 6', marker: 'cross', isHollow: true },
  { dash: '3 5 9 5', marker: 'wye', isHollow: true },
];

/** The grey among the colours. */
const grey = 5;

/** So many arms of a comparison have a style of their own; a comparison has no more. */
export const MOST_ARMS = looks.length + moreLooks.length;

/** The style of every arm of a comparison: grey for the reference, and for every other one a colour, a dash and a marker of its own. */
export function armStyles(arms: readonly string[], reference: string): Map<string, GroupStyle> {
  const [plain, ...others] = [...looks, ...moreLooks];
  const colours = [plain, ...others].map((_, index) => index + 1).filter((colour) => colour !== grey);
  const rest = arms.filter((arm) => arm !== reference);
  return new Map(
    arms.map((arm) => {
      if (arm === reference) return [arm, { stroke: `var(--series-${grey})`, ...plain!, mark: null }];
      const index = rest.indexOf(arm);
      return [arm, { stroke: `var(--series-${colours[index]!})`, ...others[index]!, mark: null }];
    }),
  );
}

/** A group's name, with its number where that tells it apart. */
export function markedLabel(label: string, index: number): string {
  const { mark } = groupStyle(index);
  return mark === null ? label : `${mark}: ${label}`;
}

/** A legend of groups; nothing where there is only one. */
export function legend(labels: readonly string[]): Markup | null {
  if (labels.length < 2) return null;
  return html`<ul class="legend">${labels.map(
    (label, index) => html`<li>${swatch(groupStyle(index))} ${markedLabel(label, index)}</li>`,
  )}</ul>`;
}

/** A disc of a group's colour, within text. */
export const discOf = (index: number): Markup =>
  trusted(`<span class="disc" style="color: ${groupStyle(index).stroke}"></span>`);

/** Shapes of about the same size around 0, 0. */
const shapes: Readonly<Record<Marker, string>> = {
  circle: 'M-3.5,0A3.5,3.5,0,1,1,3.5,0A3.5,3.5,0,1,1,-3.5,0Z',
  square: 'M-3.2,-3.2H3.2V3.2H-3.2Z',
  triangle: 'M0,-4.2L3.8,3H-3.8Z',
  diamond: 'M0,-4.8L3.2,0L0,4.8L-3.2,0Z',
  star: 'M0,-5L1.2,-1.6L4.8,-1.5L1.9,.6L2.9,4L0,2L-2.9,4L-1.9,.6L-4.8,-1.5L-1.2,-1.6Z',
  cross: 'M-1.4,-4.2H1.4V-1.4H4.2V1.4H1.4V4.2H-1.4V1.4H-4.2V-1.4H-1.4Z',
  wye: 'M-1.3,4.2V.7L-4.2,-1L-2.9,-3.2L0,-1.5L2.9,-3.2L4.2,-1L1.3,.7V4.2Z',
};

/** The line and the marker of a style, as they stand before a group's name. */
export function swatch({ stroke, dash, marker, isHollow }: GroupStyle): Markup {
  const fill = isHollow ? 'var(--page)' : stroke;
  const shape = `<path transform="translate(17 6)" d="${shapes[marker]}" fill="${fill}" stroke="${stroke}" stroke-width="1.2"/>`;
  return lineSwatch({ stroke, dash }, shape);
}

/** A line as it stands before its name. */
export function lineSwatch({ stroke, dash }: Pick<GroupStyle, 'stroke' | 'dash'>, shape = ''): Markup {
  return trusted(
    `<svg width="34" height="12" aria-hidden="true"><line x1="1" x2="33" y1="6" y2="6" stroke="${stroke}" stroke-width="2.5" stroke-dasharray="${dash}"/>${shape}</svg>`,
  );
}
