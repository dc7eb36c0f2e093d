import { describe, expect, it } from 'vitest';
import { formatAmount, formatChange, formatInterval } from '../../shared/core/format.ts';

describe('an amount that a user has set', () => {
  it('has all its digits, and one decimal at least', () => {
    expect(formatAmount(1, 'percent')).toBe('1.0 %');
    expect(formatAmount(0.25, 'points')).toBe('0.25 percentage points');
    expect(formatAmount(12.5, 'percent')).toBe('12.5 %');
    expect(formatAmount(0.1 + 0.2, 'percent')).toBe('0.3 %');
  });
});

describe('a change', () => {
  it('is told with its direction, and never as none where there is one', () => {
    expect(formatChange(-2.71, 'percent')).toBe('2.7 % lower');
    expect(formatChange(0.001, 'points')).toBe('less than 0.1 percentage points higher');
    expect(formatChange(0, 'points')).toBe('unchanged');
  });
  it('lies between signed bounds, with more digits where they are small', () => {
    expect(formatInterval([-3.49, 1.2], 'percent')).toBe('−3.5 to +1.2 %');
    expect(formatInterval([-0.126, 0], 'points')).toBe('−0.13 to 0.00 percentage points');
  });
});
