import { formatShape } from '../../tensors/tensor.ts';
import { table } from '../figure.ts';
import { formatFixed, formatNumber, shortNames } from '../format.ts';
import { dottedOrShort, html, type Markup } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import { representatives } from '../representatives.ts';
import { beforeAndAfter, factorOf, hasFarmsAlpha, layerNames, layerOf, multipliersByEpoch } from '../runs.ts';
import type { Section } from '../section.ts';
import { type TrainedLayer, trainedLayers } from '../trained-layers.ts';

export const layersTableSection: Section = {
  name: 'layers',
  title: 'Layers in numbers',
  howToRead:
    'The same spectra as numbers, before → after: “Best fit” is alpha of the tail that fits a power law best, which the thresholds 2 and 6 belong to, after; the KS distance says how well the power law fits the tail (below 0.1 is close), the stable rank how many directions carry the weight, and the multiplier what the layer trained with on (geometric) average.',
  render({ runs }) {
    const { shown, note } = representatives(runs, (run) => beforeAndAfter(run) !== null);
    const tables = shown.flatMap(({ run, label }) => {
      const epochs = beforeAndAfter(run);
      if (!epochs) return [];
      const { before, after } = epochs;
      const caption = `${label}: epoch ${before.epoch}${after ? ` → ${after.epoch}` : ''}`;
      const hasFarms = hasFarmsAlpha(run);
      const trained = new Map(trainedLayers(run).layers.map((layer) => [layer.name, layer]));
      const hasBestFit = run.bestFits !== undefined;
      const labels = shortNames(layerNames(run));
      const rows = layerNames(run).map((name) => {
        const pair = [layerOf(before, name), ...(after ? [layerOf(after, name)] : [])];
        const last = pair.at(-1) ?? pair[0];
        const both = (text: (layer: NonNullable<typeof last>) => string) =>
          last === undefined || pair.every((layer) => !layer || text(layer) === '–')
            ? '–'
            : pair.map((layer) => (layer ? text(layer) : '–')).join(' → ');
        return [
          dottedOrShort(name, labels.get(name)!),
          both(({ alpha }) => formatFixed(alpha)),
          ...(hasFarms ? [both(({ farmsAlpha }) => formatFixed(farmsAlpha))] : []),
          ...(hasBestFit ? [bestFitCell(trained.get(name))] : []),
          formatNumber(meanMultiplier(run, name), 3),
          both(({ ksDistance }) => formatFixed(ksDistance)),
          both(({ stableRank }) => formatFixed(stableRank, 1)),
          both(({ spectralNorm }) => formatNumber(spectralNorm, 3)),
          html`<span class="whole">${last ? `${last.kind} ${formatShape(last.shape)}` : '–'}</span>`,
          String(last?.eigenvalues.length ?? '–'),
        ];
      });
      const header = [
        'Layer',
        'Alpha',
        ...(hasFarms ? ['Alpha by FARMS'] : []),
        ...(hasBestFit ? ['Best fit'] : []),
        'Multiplier',
        'KS distance',
        'Stable rank',
        'Largest eigenvalue',
        'Weight',
        'Eigenvalues',
      ];
      const numbers = header.flatMap((name, column) => (name === 'Layer' || name === 'Weight' ? [] : [column]));
      return [table(caption, header, rows, numbers)];
    });
    return tables.length > 0 ? html`${note}${tables}` : null;
  },
};

/** Exponent of the best fit, with what the thresholds say of it. */
function bestFitCell(layer: TrainedLayer | undefined): Markup | string {
  const alpha = formatFixed(layer?.alphaBestFit);
  return layer?.flag === undefined ? alpha : html`${alpha}<br><span class="soft">${layer.flag}</span>`;
}

/** Geometric mean over epochs of what a layer trained with; null where it was never given a multiplier. */
function meanMultiplier(run: RunReport, layer: string): number | null {
  const logs = multipliersByEpoch(run)
    .flatMap(({ rates }) => rates.filter(({ group }) => group === layer))
    .map((rate) => Math.log(factorOf(rate)));
  return logs.length === 0 ? null : Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}
