import { type Random, randomFor } from '../../shared/core/random.ts';
import type { EpochReport, RunReport } from '../../shared/reports/report-input.ts';
import type { LayerSpectrum, SpectraReport } from '../../shared/spectra/spectrum.ts';

/** Layers of a small FNO; those with few eigenvalues get no fit. */
export const FNO_LAYERS = [
  { name: 'fc0', kind: 'linear', shape: [20, 11], eigenvalues: 11 },
  { name: 'w0', kind: 'conv1d', shape: [20, 20, 1], eigenvalues: 20 },
  { name: 'w1', kind: 'conv1d', shape: [20, 20, 1], eigenvalues: 20 },
  { name: 'w2', kind: 'conv1d', shape: [20, 20, 1], eigenvalues: 20 },
  { name: 'w3', kind: 'conv1d', shape: [20, 20, 1], eigenvalues: 20 },
  { name: 'conv0', kind: 'spectralConv', shape: [20, 20, 12, 2], eigenvalues: 240 },
  { name: 'fc1', kind: 'linear', shape: [128, 20], eigenvalues: 20 },
] as const;

/** What a made-up run looks like. */
export interface MadeUpRun {
  readonly name?: string;
  readonly balanced?: boolean;
  readonly epochs?: number;
  readonly layers?: readonly {
    name: string;
    kind: LayerSpectrum['kind'];
    shape: readonly number[];
    eigenvalues: number;
  }[];
  readonly spectra?: boolean;
  readonly seed?: number;
}

/** A seeded run with believable numbers: falling loss, heavy tails, multipliers around 1. */
export function madeUpRun(options: MadeUpRun = {}): RunReport {
  const {
    name = 'plain',
    balanced = false,
    epochs: count = 20,
    layers = FNO_LAYERS,
    spectra = true,
    seed = 13,
  } = options;
  const random = randomFor(seed, name);
  let handed: Record<string, number> = {};
  const epochs: EpochReport[] = [];
  for (let epoch = 0; epoch <= count; epoch++) {
    const progress = epoch / Math.max(1, count);
    const loss = 0.02 * 10 ** (-1.6 * progress) * (1 + 0.12 * random.normal() ** 2);
    const report = spectra ? madeUpSpectra(layers, progress * (balanced ? 1 : 0.5), random) : null;
    const applied = Object.entries(handed).map(([group, learningRateMultiplier]) => ({
      group,
      learningRateMultiplier,
    }));
    handed = balanced && report ? sigmoidMultipliers(report) : {};
    epochs.push({
      epoch,
      trainLoss: epoch === 0 ? null : loss,
      ...(epoch === 0 ? {} : { losses: [1.2, 1, 0.9, 1.1].map((part) => loss * part * (1 + 0.1 * random.normal())) }),
      metrics: {
        nrmse: (0.12 * 10 ** (-0.6 * progress) + 0.004 * random.uniform()) * (balanced ? 0.94 : 1),
        rmse: 0.06 * 10 ** (-0.6 * progress) + 0.002 * random.uniform(),
        maxError: 0.5 * 10 ** (-0.4 * progress) + 0.03 * random.uniform(),
        conservedError: 0.011 * 10 ** (-0.3 * progress) + 0.001 * random.uniform(),
      },
      seconds: epoch === 0 ? 0.8 : 4.1 + random.uniform(),
      spectra: report,
      rates: report && {
        parameters: {},
        layers: Object.fromEntries(
          Object.entries(handed).map(([layer, rate]) => [layer, { learningRate: rate, weightDecay: 1 }]),
        ),
        warnings: balanced ? ['"fc0" has 11 eigenvalues, fewer than the 12 asked for: it trains at the base rate'] : [],
      },
      baseLearningRate: epoch === 0 ? null : 1e-3,
      applied,
    });
  }
  const best = epochs.reduce((a, b) => (b.metrics.nrmse! < a.metrics.nrmse! ? b : a));
  return {
    name,
    status: 'completed',
    reason: `all ${count} epochs done`,
    metric: { name: 'nrmse', direction: 'lower' },
    config: {
      model: { family: 'fno1d', modes: 12, width: 20, weights: 'pretrained/model.safetensors' },
      dataset: { format: 'pdebench', path: 'target.hdf5', samples: 16, reduce: { space: 4, time: 5 } },
      training: {
        epochs: count,
        batchSize: 4,
        optimizer: { name: 'adam' },
        learningRate: 0.001,
        weightDecay: 0.0001,
        seed,
      },
      balance: balanced
        ? { metric: 'alpha', fit: 'median', assign: { name: 'sigmoid', tau: 10, scale: 0.5 }, unit: 'layer' }
        : 'off',
      output: { folder: 'runs', name, keep: 2 },
    },
    versions: { tempbalance: '0.1.0', engine: 'tfjs-backend-wasm 4.22.0', node: '22.23.3' },
    dataset: {
      path: 'examples/burgers/target.hdf5',
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      bytes: 1_310_720,
      trainSamples: 16,
      validationSamples: 32,
      shape: [48, 256, 41, 1],
    },
    seed,
    epochs,
    best: { epoch: best.epoch, value: best.metrics.nrmse! },
    history: [
      { at: '2026-11-02T09:00:00Z', what: 'started' },
      { at: '2026-11-02T09:04:10Z', what: `stopped: all ${count} epochs done` },
    ],
  };
}

function madeUpSpectra(layers: NonNullable<MadeUpRun['layers']>, progress: number, random: Random): SpectraReport {
  const measured = layers.map(({ name, kind, shape, eigenvalues: count }, index): LayerSpectrum => {
    const target = 2.6 + 0.55 * index - progress * (0.12 + 0.22 * index);
    const eigenvalues = Array.from({ length: count }, (_, rank) => {
      const quantile = (rank + 0.2 + 0.6 * random.uniform()) / count;
      return quantile < 0.4 ? 0.02 * (0.1 + quantile) : 0.02 * ((1 - quantile) / 0.6) ** (-1 / (target - 1));
    }).sort((a, b) => a - b);
    const start = Math.floor(count / 2);
    const tail = count - start;
    const xmin = eigenvalues[start]!;
    const alpha = 1 + tail / eigenvalues.slice(start).reduce((sum, lambda) => sum + Math.log(lambda / xmin), 0);
    const largest = eigenvalues.at(-1)!;
    const total = eigenvalues.reduce((sum, lambda) => sum + lambda, 0);
    const few = count < 12;
    return {
      name,
      kind,
      shape,
      eigenvalues,
      alpha: few ? null : alpha,
      xmin: few ? null : xmin,
      tail: few ? null : tail,
      ksDistance: few ? null : 0.05 + 0.1 * random.uniform(),
      spectralNorm: largest,
      frobeniusNormSquared: total,
      stableRank: total / largest,
      alphaHat: few ? null : alpha * Math.log10(largest),
      farmsAlpha: null,
      flags: few ? ['too few eigenvalues for a fit (11 of at least 12)'] : [],
    };
  });
  const alphas = measured.flatMap(({ alpha }) => (alpha === null ? [] : [alpha]));
  const mean = alphas.reduce((sum, alpha) => sum + alpha, 0) / alphas.length;
  const variance = alphas.reduce((sum, alpha) => sum + (alpha - mean) ** 2, 0) / alphas.length;
  const some = alphas.length > 0;
  return {
    layers: measured,
    summary: { analysed: alphas.length, alphaMean: some ? mean : null, alphaStd: some ? Math.sqrt(variance) : null },
  };
}

function sigmoidMultipliers({ layers, summary }: SpectraReport): Record<string, number> {
  return Object.fromEntries(
    layers.map(({ name, alpha }) => [
      name,
      alpha === null ? 1 : 10 ** (0.5 * (1 / (1 + Math.exp(-3 * (alpha - summary.alphaMean!))) - 0.5)),
    ]),
  );
}
