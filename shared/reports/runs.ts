import type { LayerSpectrum, SpectraReport } from '../spectra/spectrum.ts';
import type { AppliedRate, EpochReport, RunReport } from './report-input.ts';

/** An epoch whose weights were analysed. */
export interface AnalysedEpoch extends EpochReport {
  readonly spectra: SpectraReport;
}

/** The value if it is a finite number, else null. */
export function finite(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

/** A validation metric of an epoch, null where it is missing or not finite. */
export function metricOf(epoch: EpochReport | undefined, name: string): number | null {
  return finite(epoch?.metrics[name]);
}

/** The epoch before any training, where the run has it. */
export function epochZero(run: RunReport): EpochReport | undefined {
  return run.epochs.find(({ epoch }) => epoch === 0);
}

/** Number of the last epoch there is; 0 where nothing was trained. */
export function lastEpoch(run: RunReport): number {
  return run.epochs.at(-1)?.epoch ?? 0;
}

/** The epochs that were analysed, in order. */
export function analysedEpochs(run: RunReport): AnalysedEpoch[] {
  return run.epochs.filter(
    (epoch): epoch is AnalysedEpoch => epoch.spectra !== null && epoch.spectra.layers.length > 0,
  );
}

/** First analysis, and that of the best epoch or another (the last one, where it was not analysed); null without two of them. */
export function beforeAndAfter(
  run: RunReport,
  chosen = run.best?.epoch,
): { before: AnalysedEpoch; after: AnalysedEpoch | null } | null {
  const analysed = analysedEpochs(run);
  const before = analysed[0];
  if (!before) return null;
  const best = analysed.find(({ epoch }) => epoch === chosen && epoch !== before.epoch);
  const last = analysed.at(-1);
  return { before, after: best ?? (last === before ? null : (last ?? null)) };
}

/** Names of all analysed layers, in the model's order. */
export function layerNames(run: RunReport): string[] {
  return [...new Set(analysedEpochs(run).flatMap(({ spectra }) => spectra.layers.map(({ name }) => name)))];
}

/** Rows of both heat maps of layers: the analysed layers, in the model's order, and then what else ever had a factor other than 1. */
export function mapRows(run: RunReport): string[] {
  const analysed = layerNames(run);
  const factored = multipliersByEpoch(run).flatMap(({ rates }) =>
    rates.filter((rate) => factorOf(rate) !== 1).map(({ group }) => group),
  );
  return [...new Set([...analysed, ...factored])];
}

/** A layer's spectrum in one epoch. */
export function layerOf(epoch: EpochReport | null | undefined, name: string): LayerSpectrum | undefined {
  return epoch?.spectra?.layers.find((layer) => layer.name === name);
}

/** Whether a run has measured alpha by FARMS. */
export const hasFarmsAlpha = (run: RunReport): boolean =>
  analysedEpochs(run).some(({ spectra }) => spectra.layers.some(({ farmsAlpha }) => farmsAlpha != null));

/** The targets of factors, in words. */
const factorsByName = {
  'learning rate': ({ learningRateMultiplier }: AppliedRate) => learningRateMultiplier,
  'weight decay': ({ weightDecayMultiplier }: AppliedRate) => weightDecayMultiplier ?? 1,
  'SAM radius': ({ rhoMultiplier }: AppliedRate) => rhoMultiplier ?? 1,
};

/**
 * The factor that a layer was trained with, whatever it is on: all that a run balances has the same, the rest has 1. `training.layerDecay` is
 * in the factor on the learning rate.
 */
export function factorOf(rate: AppliedRate): number {
  const balanced = Object.values(factorsByName).find((factor) => factor(balancedAlone(rate)) !== 1);
  return balanced ? balanced(rate) : rate.learningRateMultiplier;
}

/** The rates as balancing alone sets them, without `training.layerDecay`. */
export function balancedAlone({ layerDecay = 1, learningRateMultiplier, ...others }: AppliedRate): AppliedRate {
  return { ...others, learningRateMultiplier: layerDecay > 0 ? learningRateMultiplier / layerDecay : 1 };
}

/** The smallest factor that `training.layerDecay` made in a run; undefined where the run has none. */
export function smallestLayerDecay(run: RunReport): number | undefined {
  const decays = multipliersByEpoch(run).flatMap(({ rates }) => rates.flatMap(({ layerDecay = [] }) => layerDecay));
  return decays.length > 0 ? decays.reduce((a, b) => Math.min(a, b)) : undefined;
}

/** The rates that a run balances, e.g. `learning rate and weight decay`; empty where it has none. */
export function balancedRates(run: RunReport): string {
  const rates = multipliersByEpoch(run).flatMap((epoch) => epoch.rates.map(balancedAlone));
  const named = Object.entries(factorsByName).filter(([, factor]) => rates.some((rate) => factor(rate) !== 1));
  return named
    .map(([name]) => name)
    .join(', ')
    .replace(/, ([^,]*)$/, ' and $1');
}

/**
 * Multipliers by trained epoch: those recorded as applied, else those that the analysis before the epoch
 * handed over. Epochs without any are left out.
 */
export function multipliersByEpoch(run: RunReport): { epoch: number; rates: readonly AppliedRate[] }[] {
  const trained: { epoch: number; rates: readonly AppliedRate[] }[] = [];
  let handed: readonly AppliedRate[] = [];
  for (const { epoch, applied, rates } of run.epochs) {
    const used = applied.length > 0 ? applied : handed;
    if (epoch > 0 && used.length > 0) trained.push({ epoch, rates: used });
    if (rates) {
      handed = Object.entries(rates.layers).map(([group, { learningRate, weightDecay, rho }]) => ({
        group,
        learningRateMultiplier: learningRate,
        weightDecayMultiplier: weightDecay,
        rhoMultiplier: rho,
      }));
    }
  }
  return trained;
}

/** At most so many of the items, evenly spread, always with the first and the last. */
export function thin<Item>(items: readonly Item[], most: number): Item[] {
  if (items.length <= most) return [...items];
  const step = (items.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => items[Math.round(index * step)]!);
}
