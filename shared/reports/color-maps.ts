import * as Plot from '@observablehq/plot';

/** Red, green and blue, 0 to 255. */
export type Color = readonly [number, number, number];

/** Colours from the lowest value to the highest, evenly spaced. */
export type ColorMap = readonly Color[];

/** More can hardly be told apart, and every image holds them all. */
const colors = 128;

function sampled(scheme: Plot.ColorScheme, { reverse = false } = {}): ColorMap {
  const scale = Plot.scale({ color: { type: 'linear', scheme, domain: [0, colors - 1], reverse } })!;
  return Array.from({ length: colors }, (_, index) => parsed(String(scale.apply(index))));
}

/** `#440154` or `rgb(68, 1, 84)` */
function parsed(color: string): Color {
  const parts = color.startsWith('#')
    ? [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))
    : (color.match(/\d+/g) ?? []).map(Number);
  return parts as [number, number, number];
}

/** For values. */
export const sequentialColors = sampled('viridis');

/** For differences: blue below, nearly white at, red above the middle. */
export const divergingColors = sampled('RdBu', { reverse: true });

/** A colour map from left to right. */
export function cssGradient(map: ColorMap): string {
  const stops = Array.from({ length: 9 }, (_, index) => map[Math.round((index * (map.length - 1)) / 8)]!);
  return `linear-gradient(to right, ${stops.map(([r, g, b]) => `rgb(${r} ${g} ${b})`).join(', ')})`;
}
