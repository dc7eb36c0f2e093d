import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { renderModelCard } from '../../shared/reports/model-card.ts';
import { madeUpRun } from './made-up-runs.ts';

describe('renderModelCard', () => {
  const run = madeUpRun({ name: 'balanced', balanced: true, epochs: 3 });
  const card = renderModelCard(run);

  test('starts with front matter that says what made it', () => {
    const [, matter] = card.split('---\n');
    expect(parse(matter!)).toEqual({ library_name: 'tempbalance', tags: ['tempbalance', 'safetensors', 'fno1d'] });
  });

  test('gives data, metrics, alphas before and after, rates and how to load the weights', () => {
    expect(card).toContain(run.dataset.sha256);
    expect(card).toContain('| **nrmse** (lower is better) |');
    expect(card).toMatch(/\| `w0` \| \d\.\d\d \| \d\.\d\d \| \d/);
    expect(card).toMatch(/multipliers 0\.\d+ to 1\.\d+\./);
    expect(card).toContain('load_file("model.safetensors")');
    expect(card).toContain("readFile('model.safetensors')");
  });

  test('says what the run has cost, where it is known', () => {
    const costing = renderModelCard({ ...run, cost: { usd: 0.0123, basis: 'meter' } });
    expect(costing).toContain('It cost 0.012 USD, metered at list prices on demand.');
    expect(renderModelCard({ ...run, cost: { usd: 2, basis: 'usdPerHour' } })).toContain(
      'It cost 2.00 USD, by the time',
    );
    expect(card).not.toContain('USD');
  });

  test('says that nothing was balanced when nothing was', () => {
    expect(renderModelCard(madeUpRun({ epochs: 2 }))).toContain('at the base rate (no balancing)');
  });

  test('leaves out what is not known', () => {
    const bare = renderModelCard({ ...madeUpRun({ spectra: false, epochs: 2 }), epochs: [], best: null });
    expect(bare).not.toContain('## Metrics');
    expect(bare).not.toContain('## Layers');
    expect(bare).toContain('last good epoch');
  });

  test('keeps names from being read as Markdown', () => {
    const nasty = renderModelCard({ ...run, name: 'a\n# b <i>', config: { note: '```\n# not a heading' } });
    expect(nasty).toContain('# a \\# b \\<i\\>\n');
    expect(nasty).toContain('````yaml');
  });
});
