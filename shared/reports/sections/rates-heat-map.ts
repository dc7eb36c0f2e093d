import { figure } from '../figure.ts';
import { formatNumber } from '../format.ts';
import { groupRuns } from '../groups.ts';
import { colorRamp, drawnColumns, heatMap } from '../heat-map.ts';
import { html, trusted } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import { representatives } from '../representatives.ts';
import { balancedRates, factorOf, mapRows, multipliersByEpoch, smallestLayerDecay } from '../runs.ts';
import type { Section } from '../section.ts';

/** The largest factor away from 1 in any of the runs; 1 where none was balanced. */
function largestFactor(runs: readonly RunReport[]): number {
  const factors = runs
    .flatMap(multipliersByEpoch)
    .flatMap(({ rates }) => rates.map(factorOf))
    .filter((multiplier) => multiplier > 0 && Number.isFinite(multiplier));
  return factors.reduce((largest, multiplier) => Math.max(largest, multiplier, 1 / multiplier), 1);
}

/** The rates that a run's factors multiply. */
function ratesOf(run: RunReport): string {
  const balanced = balancedRates(run);
  if (smallestLayerDecay(run) === undefined) return balanced;
  return balanced === '' ? 'learning rate, by layer decay' : `${balanced}, with layer decay in the learning rate`;
}

/** Multipliers by layer over the epochs of one run as an SVG string, coloured around 1. */
export function ratesHeatMap(run: RunReport, largest: number, width: number): string {
  const rows = mapRows(run);
  return heatMap({
    label: `Multipliers by layer and epoch of ${run.name}`,
    rows,
    columns: multipliersByEpoch(run).map(({ epoch, rates }) => ({
      epoch,
      // What no factor is on record of trained at the base.
      values: {
        ...Object.fromEntries(rows.map((row) => [row, 1])),
        ...Object.fromEntries(rates.map((rate) => [rate.group, factorOf(rate)])),
      },
    })),
    width,
    color: divergingColor(largest),
    ink: () => 'var(--ink)',
    describe: (multiplier) => (multiplier === null ? 'none' : `× ${formatNumber(multiplier, 3)}`),
    format: (multiplier) => multiplier.toFixed(2),
  });
}

export const ratesHeatMapSection: Section = {
  name: 'rates',
  title: 'Multipliers by layer',
  howToRead:
    'The factor that each layer trained with in each epoch, on the learning rate or whatever else is named: blue layers had less than the base, orange ones more, colourless ones about as much. The layers are those of the map above.',
  render({ runs }) {
    const isBalanced = (run: RunReport) => largestFactor([run]) > 1;
    const { shown, note } = representatives(runs, isBalanced);
    if (shown.length === 0) return null;
    const largest = largestFactor(shown.map(({ run }) => run));
    const width = shown.length > 1 ? 530 : 1080;
    const ramp = colorRamp({
      label: 'multiplier (log scale)',
      low: 1 / largest,
      high: largest,
      ticks: [1 / largest, 1 / Math.sqrt(largest), 1, Math.sqrt(largest), largest],
      logarithmic: true,
      color: divergingColor(largest),
      format: (multiplier) => formatNumber(multiplier, 3).replace(/\.?0+$/, ''),
    });
    const plain = groupRuns(runs)
      .groups.filter((group) => !group.runs.some(isBalanced))
      .map(({ label }) => `“${label}”`);
    return html`${note}<div class="ramp">${trusted(ramp)}</div><div class="multiples">${shown.map(({ run, label }) => {
      const all = multipliersByEpoch(run);
      const drawn = drawnColumns(all, mapRows(run).length).length;
      const thinned = drawn < all.length ? ` (${drawn} of ${all.length} epochs drawn)` : '';
      return figure(ratesHeatMap(run, largest, width), `${label}: ${ratesOf(run)}${thinned}`);
    })}</div>${plain.length > 0 ? html`<p>In ${plain.join(', ')} every layer trained at the base rate.</p>` : null}`;
  },
};

function divergingColor(largest: number): (multiplier: number) => string {
  return (multiplier) => {
    const part = Math.max(-1, Math.min(1, Math.log(multiplier) / Math.log(largest)));
    return `color-mix(in oklab, var(--${part < 0 ? 'slow' : 'fast'}) ${Math.round(100 * Math.abs(part))}%, var(--neutral))`;
  };
}
