import * as Plot from '@observablehq/plot';
import { figure } from '../figure.ts';
import { formatFixed } from '../format.ts';
import { colorRamp, drawnColumns, heatMap } from '../heat-map.ts';
import { html, trusted } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import { representatives } from '../representatives.ts';
import { analysedEpochs, finite, mapRows } from '../runs.ts';
import type { Section } from '../section.ts';

/** The range of alpha that the colours span, the same for all runs; null where no layer has a fit. */
function alphaDomain(runs: readonly RunReport[]): { low: number; high: number; clamped: boolean } | null {
  const alphas = runs
    .flatMap(analysedEpochs)
    .flatMap(({ spectra }) => spectra.layers.map(({ alpha }) => finite(alpha)))
    .filter((alpha) => alpha !== null);
  if (alphas.length === 0) return null;
  const low = Math.min(...alphas);
  const largest = Math.max(...alphas);
  const high = largest > UNUSUAL && low < UNUSUAL ? UNUSUAL : largest;
  return low === high ? { low: low - 0.5, high: high + 0.5, clamped: false } : { low, high, clamped: high < largest };
}

/** Alpha of every layer over the epochs of one run as an SVG string, coloured over the given range. */
export function alphaHeatMap(run: RunReport, domain: { low: number; high: number }, width: number): string {
  const color = alphaColor(domain);
  const rows = mapRows(run);
  const middle = (domain.low + domain.high) / 2;
  return heatMap({
    label: `Alpha by layer and epoch of ${run.name}`,
    rows,
    columns: analysedEpochs(run).map(({ epoch, spectra }) => ({
      epoch,
      values: {
        ...Object.fromEntries(rows.map((row) => [row, null])),
        ...Object.fromEntries(spectra.layers.map(({ name, alpha }) => [name, finite(alpha)])),
      },
    })),
    width,
    color,
    ink: (alpha) => (alpha > middle ? '#111' : '#fff'),
    describe: (alpha) => (alpha === null ? 'no fit' : `alpha ${formatFixed(alpha)}`),
    format: (alpha) => formatFixed(alpha, 1),
  });
}

export const alphaHeatMapSection: Section = {
  name: 'alpha',
  title: 'Alpha by layer',
  howToRead:
    'Alpha is the power-law exponent of the tail of a layer’s weight spectrum: small values (dark, about 2 to 4) are typical of well-trained layers, large ones (bright) of layers that have learnt less; grey cells have no fit, or no spectrum is taken of them.',
  render({ runs }) {
    const { shown, note } = representatives(runs, (run) => analysedEpochs(run).length > 0);
    const domain = alphaDomain(shown.map(({ run }) => run));
    if (!domain) return null;
    const width = shown.length > 1 ? 530 : 1080;
    const ramp = colorRamp({
      label: domain.clamped ? `alpha (above ${UNUSUAL} drawn as ${UNUSUAL})` : 'alpha',
      ...domain,
      ticks: rampTicks(domain),
      color: alphaColor(domain),
      format: (alpha) => formatFixed(alpha, 1),
    });
    return html`${note}<div class="ramp">${trusted(ramp)}</div><div class="multiples">${shown.map(({ run, label }) =>
      figure(alphaHeatMap(run, domain, width), `${label}${thinned(run)}`),
    )}</div>`;
  },
};

const UNUSUAL = 10;

function alphaColor({ low, high }: { low: number; high: number }): (alpha: number) => string {
  const scale = Plot.scale({ color: { type: 'linear', scheme: 'viridis', domain: [low, high], clamp: true } });
  return (alpha) => String(scale?.apply(alpha));
}

function rampTicks({ low, high }: { low: number; high: number }): number[] {
  const step = [0.1, 0.2, 0.5, 1, 2, 5].find((candidate) => (high - low) / candidate <= 6) ?? (high - low) / 5;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(tick);
  return ticks;
}

function thinned(run: RunReport): string {
  const analysed = analysedEpochs(run);
  const drawn = drawnColumns(analysed, mapRows(run).length).length;
  return drawn < analysed.length ? ` (${drawn} of ${analysed.length} analysed epochs drawn)` : '';
}
