import { expect, it } from 'vitest';
import type { AnalysedLayer } from '../../shared/weights/analysis.ts';
import { analysisCsv } from '../../shared/weights/csv.ts';

it('quotes what needs it, and leaves a cell empty where there is no number', () => {
  const layer: AnalysedLayer = {
    name: 'a,"b"',
    kind: 'linear',
    matrix: 'W',
    shape: [2, 3],
    alpha: null,
    xmin: null,
    tail: null,
    ksDistance: null,
    spectralNorm: 0,
    frobeniusNormSquared: 0,
    stableRank: null,
    alphaHat: null,
    flags: ['no alpha: every weight is zero'],
    metrics: null,
  };
  const [header, row] = analysisCsv({ layers: [layer] }).split('\r\n');
  expect(row).toMatch(/^"a,""b""",linear,W,2x3,,,,,0,0,,,,/);
  expect(row!.endsWith(',no alpha: every weight is zero')).toBe(true);
  expect(row!.replace(/"a,""b"""/, 'a').split(',')).toHaveLength(header!.split(',').length);

  const pair = { name: layer.name, alpha: null, otherAlpha: 3, alphaChange: null, relativeChange: 0.25 };
  const comparison = {
    other: 'base',
    layers: [{ ...pair, other: layer, difference: { ...layer, flags: ['no alpha: nothing changed'] } }],
    onlyHere: [],
    onlyThere: [],
  };
  const [wider, compared] = analysisCsv({ layers: [layer], comparison }).split('\r\n');
  expect(wider!.slice(header!.length)).toBe(
    ',otherAlpha,alphaChange,relativeChange,differenceAlpha,differenceRank,differenceFlags',
  );
  expect(compared!.endsWith(',3,,0.25,,,no alpha: nothing changed')).toBe(true);
});
