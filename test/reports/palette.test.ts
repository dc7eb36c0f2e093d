import { expect, test } from 'vitest';
import { groupStyle, legend, markedLabel, STYLED_GROUPS } from '../../shared/reports/palette.ts';
import { STYLE } from '../../shared/reports/style.ts';

const indices = Array.from({ length: STYLED_GROUPS }, (_, index) => index);

test('ten groups have colours, dashes and marks of their own', () => {
  expect(STYLED_GROUPS).toBeGreaterThanOrEqual(10);
  const styles = indices.map(groupStyle);
  const distinct = (of: (style: (typeof styles)[number]) => string) => new Set(styles.map(of)).size;
  expect(distinct(({ stroke }) => stroke)).toBe(STYLED_GROUPS);
  expect(distinct(({ dash }) => dash)).toBe(STYLED_GROUPS);
  expect(distinct(({ marker, isHollow }) => `${marker} ${isHollow}`)).toBe(STYLED_GROUPS);
});

test('every colour is defined for light and dark pages, each another', () => {
  for (const scheme of STYLE.split('@media screen and (prefers-color-scheme: dark)')) {
    const colours = indices.map((index) => new RegExp(`--series-${index + 1}: (#\\w+);`).exec(scheme)?.[1]);
    expect(new Set(colours).size).toBe(STYLED_GROUPS);
    expect(colours).not.toContain(undefined);
  }
});

test('groups beyond those are told by their number', () => {
  expect(groupStyle(STYLED_GROUPS).mark).toBe('11');
  expect(markedLabel('inverse', STYLED_GROUPS)).toBe('11: inverse');
  expect(markedLabel('inverse', 0)).toBe('inverse');
  expect(legend(Array.from({ length: 12 }, (_, index) => `group ${index}`))!.markup).toContain('12: group 11');
});
