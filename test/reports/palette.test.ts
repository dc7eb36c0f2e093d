import { expect, test } from 'vitest';
import {
  armStyles,
  type GroupStyle,
  groupStyle,
  legend,
  MOST_ARMS,
  markedLabel,
  STYLED_GROUPS,
} from '../../shared/reports/palette.ts';
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
    const colours = Array.from(
      { length: MOST_ARMS },
      (_, index) => new RegExp(`--series-${index + 1}: (#\\w+);`).exec(scheme)?.[1],
    );
    expect(new Set(colours).size).toBe(MOST_ARMS);
    expect(colours).not.toContain(undefined);
  }
});

test('every arm of a comparison has a style of its own, and the reference is grey', () => {
  const arms = Array.from({ length: MOST_ARMS }, (_, index) => `arm ${index}`);
  const styles = armStyles(arms, 'arm 2');
  const distinct = (of: (style: GroupStyle) => string) => new Set([...styles.values()].map(of)).size;
  expect(distinct(({ stroke }) => stroke)).toBe(MOST_ARMS);
  expect(distinct(({ dash }) => dash)).toBe(MOST_ARMS);
  expect(distinct(({ marker, isHollow }) => `${marker} ${isHollow}`)).toBe(MOST_ARMS);
  expect(styles.get('arm 2')).toMatchObject({ stroke: 'var(--series-5)', dash: 'none', marker: 'circle' });
});

test('groups beyond those are told by their number', () => {
  expect(groupStyle(STYLED_GROUPS).mark).toBe('11');
  expect(markedLabel('inverse', STYLED_GROUPS)).toBe('11: inverse');
  expect(markedLabel('inverse', 0)).toBe('inverse');
  expect(legend(Array.from({ length: 12 }, (_, index) => `group ${index}`))!.markup).toContain('12: group 11');
});
