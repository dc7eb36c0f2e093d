import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatChange,
  formatDuration,
  formatFixed,
  formatInterval,
  formatMetric,
  formatNumber,
  formatRanges,
  formatUsd,
  shorten,
  shortenApart,
  shortNames,
} from '../../shared/reports/format.ts';

describe('formatUsd', () => {
  test('gives cents and more with two decimals, less with two digits, and never nothing for something', () => {
    expect([12.344, 1, 0.5, 0.01234, 0.000123, 0.00000001, 0, null].map(formatUsd)).toEqual([
      '12.34 USD',
      '1.00 USD',
      '0.5 USD',
      '0.012 USD',
      '0.00012 USD',
      '< 0.0001 USD',
      '0.00 USD',
      '–',
    ]);
  });
});

describe('formatNumber', () => {
  test.each([
    [0, '0'],
    [0.0412345, '0.04123'],
    [-1234.56, '−1235'],
    [123456, '123456'],
    [3.2e-7, '3.200e−7'],
    [null, '–'],
    [Number.NaN, '–'],
    [Number.POSITIVE_INFINITY, '∞'],
  ])('writes %s as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});

test('formatFixed shows nothing for what is not a finite number', () => {
  expect([1.005, null, Number.NaN].map((value) => formatFixed(value, 1))).toEqual(['1.0', '–', '–']);
});

test('changes of shares are told in percentage points, and shares in per cent', () => {
  expect(formatChange(-1.24, 'points')).toBe('1.2 percentage points lower');
  expect(formatMetric(0.8125, 'points')).toBe('81.3 %');
  expect(formatMetric(0.8125, 'percent')).toBe('0.8125');
  expect(formatMetric(null, 'points')).toBe('–');
});

test('intervals carry signs, but for what rounds to zero', () => {
  expect(formatInterval([-1.23, 3.45], 'percent')).toBe('−1.2 to +3.5 %');
  expect(formatInterval([-0.001, 0.25], 'points')).toBe('0.00 to +0.25 percentage points');
});

test('formatChange says which way, and does not round a difference away', () => {
  expect([-12.34, 4, 0, -0.01, null].map((change) => formatChange(change))).toEqual([
    '12.3 % lower',
    '4.0 % higher',
    'unchanged',
    'less than 0.1 % lower',
    '–',
  ]);
});

test('formatDuration uses two units at most', () => {
  expect([0.04, 48, 185, 7800].map(formatDuration)).toEqual(['0.0 s', '48 s', '3 min 5 s', '2 h 10 min']);
  expect(formatDuration(7199)).toBe('2 h 0 min');
});

test('formatBytes uses decimal units', () => {
  expect([812, 4200, 1_310_720].map(formatBytes)).toEqual(['812 bytes', '4.2 kB', '1.3 MB']);
});

test('formatRanges joins neighbours', () => {
  expect(formatRanges([7, 0, 1, 2, 2])).toBe('0–2, 7');
});

test('shorten leaves out the middle', () => {
  expect(shorten('encoder.layer.3.output', 11)).toBe('encod…utput');
  expect(shorten('fc1')).toBe('fc1');
});

test('shortenApart shortens no two different names to one', () => {
  const names = ['a', 'b', 'c'].map((middle) => `encoder.layer.0.attention.${middle}.self.query.weight`);
  expect(new Set(names.map((name) => shorten(name, 21))).size).toBe(1);
  const short = shortenApart([...names, 'fc1'], 21);
  expect(new Set(short).size).toBe(4);
  expect(short.every((name, index) => name.length <= (names[index]?.length ?? 3))).toBe(true);
  expect(shortenApart(['same', 'same'], 3)).toEqual(['s…e', 's…e']);
});

test('shortNames leaves out what all names begin with, and keeps a lone name whole', () => {
  const names = ['net.layer.0.query', 'net.layer.1.key'];
  expect([...shortNames(names).values()]).toEqual(['0.query', '1.key']);
  expect([...shortNames(['net.layer.0']).values()]).toEqual(['net.layer.0']);
  expect([...shortNames(['a.x', 'a']).values()]).toEqual(['a.x', 'a']);
});

test('shortNames leaves out the words before a number where names are long and stay apart', () => {
  const names = ['bert.encoder.layer.0.attention.self.query', 'bert.encoder.layer.11.output.dense', 'head.weight'];
  expect([...shortNames(names).values()]).toEqual(['0.attention.self.query', '11.output.dense', 'head.weight']);
  const both = ['encoder.block.0.layer.0.SelfAttention.q', 'decoder.block.0.layer.0.SelfAttention.q'];
  expect([...shortNames(both).values()]).toEqual(['encoder.block.0…elfAttention.q', 'decoder.block.0…elfAttention.q']);
});
