import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/** Options of a figure besides Plot's own. */
export interface FigureOptions extends Plot.PlotOptions {
  /** A description of the figure for readers who can't see it. */
  readonly ariaLabel: string;
}

const GEOMETRY = [
  'd',
  'x',
  'y',
  'x1',
  'x2',
  'y1',
  'y2',
  'cx',
  'cy',
  'r',
  'width',
  'height',
  'points',
  'transform',
  'dx',
  'dy',
];
const LONG_FRACTION = /(\.\d{2})\d+/g;

/** Draws a figure as an SVG string that takes its colours from the page it stands in; needs no browser. */
export function renderSvg(options: FigureOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  // An arrow stands for a change alone, from before to after: axes have none.
  const labelled = Object.fromEntries(
    (['x', 'y'] as const).flatMap((axis) => (options[axis] ? [[axis, { ...options[axis], labelArrow: 'none' }]] : [])),
  );
  const svg = Plot.plot({ ...options, ...labelled, document, className: 'plot' });
  for (const style of svg.querySelectorAll('style')) style.remove();
  for (const element of svg.querySelectorAll('*')) {
    for (const name of GEOMETRY) {
      const value = element.getAttribute(name);
      if (value?.includes('.')) element.setAttribute(name, value.replace(LONG_FRACTION, '$1'));
    }
  }
  // A label means nothing on a group without a role.
  for (const group of svg.querySelectorAll('g[aria-label]')) group.setAttribute('role', 'group');
  svg.setAttribute('role', 'img');
  return svg.outerHTML;
}
