import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { compareRuns } from '../../shared/reports/compare.ts';
import { renderReport } from '../../shared/reports/report.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { metricCurve } from '../../shared/reports/sections/metrics.ts';
import { stripPlot } from '../../shared/reports/strip-plot.ts';
import { type At, recordOf } from '../support/predicted-fields.ts';
import { madeUpRun } from './made-up-runs.ts';

/** Made-up runs of as many settings, each with as many seeds. */
const made = (settings: number, seeds: number, epochs: number): RunReport[] =>
  Array.from({ length: settings * seeds }, (_, index) => {
    const setting = Math.floor(index / seeds);
    const run = madeUpRun({ name: `run-${index}`, balanced: setting > 0, epochs, seed: 1 + (index % seeds) });
    const training = { ...(run.config.training as object), learningRate: (1 + setting) / 1000 };
    return { ...run, config: { ...run.config, training } };
  });
/** Of four channels on a grid: as much as is ever kept of a roll-out. */
const wave = ({ point, step, channel }: At) => Math.sin(point / 9 + step) + Math.cos(point % 32) + channel;
const fields = recordOf([3, 32, 32, 3, 4], { predicted: (at) => 0.9 * wave(at), target: wave });
const pageOf = (runs: RunReport[]) => renderReport({ title: 'many', madeAt: '2026-11-02', runs });
const parse = (markup: string) => parseHTML(markup).document;
const elements = (svg: string | null, selector: string) => [...parse(`<body>${svg}</body>`).querySelectorAll(selector)];

describe('a page of fifty runs', () => {
  test.each([
    [10, 5],
    [25, 2],
    [50, 1],
  ])('of %d settings with %d seeds is below 2 MB, with the verdict first', (settings, seeds) => {
    const page = pageOf(made(settings, seeds, 40).map((run) => ({ ...run, predictions: { epoch: 40, fields } })));
    expect(Buffer.byteLength(page)).toBeLessThan(2_000_000);
    const document = parse(page);
    expect(document.querySelector('#summary .headline')?.textContent).toMatch(/^Compared with “/);
    expect(document.querySelectorAll('#runs table')[0]!.querySelectorAll('tbody tr')).toHaveLength(settings);
    expect(document.querySelectorAll('#runs details tbody tr')).toHaveLength(50);
    expect(document.querySelectorAll('#alpha figure')).toHaveLength(6);
    expect(document.querySelectorAll('#predictions .samples figure')).toHaveLength(6 * 4);
    expect(document.querySelector('#esd .key')?.textContent).toContain(`Only the first 6 of ${settings} groups`);
  });
});

describe('the page of groups', () => {
  const runs = made(3, 3, 4);
  const document = parse(pageOf(runs));

  test('draws layers of one run of each group, and says so', () => {
    const text = document.querySelector('#alpha')?.textContent;
    expect(text).toContain('one run stands here, that of its smallest seed');
    expect(text).toMatch(/learningRate: 0\.002, seed 1/);
    expect(document.querySelectorAll('#layers table')).toHaveLength(3);
  });

  test('folds single runs away, and shows a strip of seeds', () => {
    expect(document.querySelector('#runs details summary')?.textContent).toBe('9 runs, one by one');
    expect(document.querySelector('#runs svg[role=img]')?.getAttribute('aria-label')).toContain('every seed');
  });

  test('shows what all runs share in one column', () => {
    expect(document.querySelector('#dataset caption')?.textContent).toBe('The same in all runs');
    const [first, ...others] = runs;
    const moved = { ...first!, versions: { ...first!.versions, engine: 'another' } };
    const versions = parse(pageOf([moved, ...others])).querySelectorAll('#versions thead th');
    expect([...versions].map(({ textContent }) => textContent)).toEqual(['Fact', 'run-0', '8 runs, the first run-1']);
  });
});

describe('plots of groups', () => {
  test('draw a mean with a band for every group of several seeds', () => {
    const svg = metricCurve(made(2, 3, 4), 'nrmse', 'large');
    expect(elements(svg, '[aria-label="line"]')).toHaveLength(2);
    expect(elements(svg, '[aria-label="area"] path')).toHaveLength(2);
    expect(svg).toContain('mean of 3 seeds');
  });

  test('number the lines that share a colour', () => {
    const numbers = elements(metricCurve(made(12, 1, 4), 'nrmse', 'large'), '[aria-label="text"]');
    expect(numbers.map(({ textContent }) => textContent)).toEqual(['11', '12']);
  });

  test('a strip has a mark for every seed, and none without values', () => {
    const svg = stripPlot(compareRuns(made(2, 3, 4)).groups);
    expect(elements(svg, '[aria-label="dot"] title')).toHaveLength(6);
    expect(elements(svg, '[aria-label="tick"] line')).toHaveLength(2);
    expect(stripPlot(compareRuns(made(2, 1, 1).map((run) => ({ ...run, best: null }))).groups)).toBeNull();
  });
});
