import { describe, expect, it } from 'vitest';
import { gridInWords, recordGrid } from '../../shared/datasets/coordinates.ts';

const axis = (name: string, values: Float32Array, inFile = true) => ({ name, values, inFile });

describe('recordGrid', () => {
  it('keeps the numbers of float32 with the fewest digits', () => {
    const values = Float32Array.from({ length: 1000 }, (_, index) => index / 999);
    const { coordinates, times } = recordGrid({ axes: [axis('x', values)], times: Float32Array.of(0, 0.1, 0.2) });
    expect(times).toEqual([0, 0.1, 0.2]);
    expect(Float32Array.from(coordinates![0]!.values!)).toEqual(values);
    expect(coordinates![0]).toMatchObject({ axis: 'x', points: 1000, inFile: true, from: 0, to: 1 });
    expect(JSON.stringify(coordinates).length).toBeLessThan(13 * 1000);
  });

  it('keeps the ends alone of an axis with very many points', () => {
    const values = Float32Array.from({ length: 2 ** 14 + 1 }, (_, index) => index);
    const { coordinates, times } = recordGrid({ axes: [axis('x', values)], times: values });
    expect(coordinates).toEqual([{ axis: 'x', points: 2 ** 14 + 1, inFile: true, from: 0, to: 2 ** 14 }]);
    expect(times).toBeUndefined();
    expect(gridInWords({ coordinates }).coordinates).toBe('x: 16385 from 0 to 16384');
  });

  it('notes nothing where nothing is known', () => {
    expect(recordGrid({})).toEqual({});
  });
});

describe('gridInWords', () => {
  it('tells coordinates and times in a few words, and leaves all else as it is', () => {
    const axes = [axis('x', Float32Array.of(0, 0.1, 0.2, 0.3)), axis('y', Float32Array.of(0, 1, 4), false)];
    const recorded = { space: [4, 3], ...recordGrid({ axes, times: Float32Array.of(5) }) };
    expect(gridInWords(recorded)).toEqual({
      space: [4, 3],
      coordinates: 'x: 4 from 0 to 0.3, 0.1 apart; y: 3 from 0 to 4, unevenly spaced (the file has none)',
      times: '1 at 5',
    });
    expect(gridInWords({ labels: ['a'] })).toEqual({ labels: ['a'] });
  });
});
