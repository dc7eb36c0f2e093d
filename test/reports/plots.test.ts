import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { alphaHeatMap } from '../../shared/reports/sections/alpha-heat-map.ts';
import { alphaMeanCurve, alphaSpreadCurve } from '../../shared/reports/sections/alpha-summary.ts';
import { esdPlot } from '../../shared/reports/sections/esd.ts';
import { lossCurve } from '../../shared/reports/sections/loss.ts';
import { metricCurve } from '../../shared/reports/sections/metrics.ts';
import { ratesHeatMap } from '../../shared/reports/sections/rates-heat-map.ts';
import { FNO_LAYERS, madeUpRun } from './made-up-runs.ts';

const run = madeUpRun({ name: 'balanced', balanced: true, epochs: 3 });
const domain = { low: 2, high: 6 };
const elements = (svg: string | null, selector: string) => [
  ...parseHTML(`<body>${svg}</body>`).document.querySelectorAll(selector),
];

describe('plots', () => {
  test('take text and lines from the page’s colours, so that they follow its scheme', () => {
    for (const svg of [
      lossCurve([run]),
      metricCurve([run], 'nrmse', 'large'),
      alphaMeanCurve([run]),
      alphaSpreadCurve([run]),
    ]) {
      expect(svg).toContain('fill="currentColor"');
      expect(svg).toContain('stroke="var(--series-1)"');
    }
  });

  test('draw one cell per layer and analysed epoch, and grey ones where there is no fit', () => {
    const cells = elements(alphaHeatMap(run, domain, 500), 'rect');
    expect(cells).toHaveLength(FNO_LAYERS.length * 4);
    const grey = elements(alphaHeatMap(run, domain, 500), '[fill="var(--empty)"] rect');
    expect(grey).toHaveLength(4);
    expect(grey[0]!.textContent).toBe('fc0, epoch 0: no fit');
  });

  test('draw multipliers for the epochs that were trained', () => {
    const cells = elements(ratesHeatMap(run, 2, 500), 'rect');
    expect(cells).toHaveLength(FNO_LAYERS.length * 3);
    expect(cells.some(({ textContent }) => textContent.includes('epoch 0'))).toBe(false);
  });

  test('colour a multiplier of 1 neutral and the slowest and fastest fully', () => {
    const fills = (rate: number) => {
      const epochs = run.epochs.map((epoch) => ({
        ...epoch,
        applied: [{ group: 'w1', learningRateMultiplier: rate }],
      }));
      return ratesHeatMap({ ...run, epochs }, 2, 500);
    };
    expect(fills(1)).toContain(' 0%, var(--neutral)');
    expect(fills(2)).toContain('var(--fast) 100%');
    expect(fills(0.5)).toContain('var(--slow) 100%');
  });

  test('draw a spectrum with its fit, before and after, and none where there are no eigenvalues', () => {
    const [before, after] = [run.epochs[0]!, run.epochs[3]!].map(({ spectra }) => spectra!.layers[1]!);
    const svg = esdPlot(before, after, 'var(--series-2)');
    expect(elements(svg, '[aria-label="line"] path')).toHaveLength(2);
    expect(svg).toContain('stroke="var(--before)"');
    expect(esdPlot({ ...before!, eigenvalues: [0, 0], alpha: null }, undefined, 'red')).toBeNull();
  });

  test('are null when there is nothing to draw', () => {
    expect(lossCurve([{ ...run, epochs: run.epochs.slice(0, 1) }])).toBeNull();
    expect(metricCurve([run], 'unknown', 'small')).toBeNull();
  });
});
