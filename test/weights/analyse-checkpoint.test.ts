import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { openPool } from '../../shared/spectra/solvers/pool.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { elementCount, type WeightTensor } from '../../shared/tensors/tensor.ts';
import { analyseCheckpoint } from '../../shared/weights/analyse-checkpoint.ts';
import { analysisSchema, type Comparison } from '../../shared/weights/analysis.ts';
import { openWeights } from '../../shared/weights/open-weights.ts';
import type { WeightLayer, WeightSource } from '../../shared/weights/weight-source.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';
import { brainBytes, rawSafetensors } from '../support/safetensors.ts';
import { temporaryFolder } from '../support/small-run.ts';

const settings = spectraConfigSchema.parse({});
const lora = fixturePath('models', 'roberta-tiny-lora');

function sourceOf(weights: Record<string, WeightTensor>, bits = 24): WeightSource {
  const layers = Object.entries(weights).map(
    ([name, { shape }]): WeightLayer => ({
      name,
      kind: 'linear',
      weights: [name],
      matrix: 'W',
      shape,
      size: elementCount(shape),
      precision: { bits, smallestExponent: -126 },
    }),
  );
  return {
    label: 'made up',
    format: 'safetensors',
    layers,
    skipped: [],
    notes: [],
    read: async (name) => weights[name]!,
    openRows: async () => {
      throw new Error('these layers are small');
    },
  };
}

function normal(seed: number, rows: number, columns: number, scale = 1): WeightTensor<Float32Array> {
  const random = randomFor(seed, 'weights');
  return { shape: [rows, columns], data: Float32Array.from({ length: rows * columns }, () => scale * random.normal()) };
}

describe('the analysis of a checkpoint', () => {
  it('agrees with the published estimator on every fixture', async () => {
    interface Fit {
      alpha: number;
      D: number;
      n_tail: number;
      well_conditioned: boolean;
    }
    const expected = await readJsonFixture<
      Record<
        string,
        {
          N: number;
          fnorm_sq: number;
          spectral_norm: number;
          filter_zeros_true: { xmin_mid_pos2: Fit; stable_rank: number };
        }
      >
    >('esd', 'expected.json');
    const source = await openWeights(fixturePath('esd', 'weights.safetensors'));
    expect(source.layers).toHaveLength(Object.keys(expected).length);
    const analysis = await analyseCheckpoint(source, portableSolver, { settings: { ...settings, conv1d: 'taps' } });
    for (const layer of analysis.layers) {
      const { N, fnorm_sq, spectral_norm, filter_zeros_true } = expected[layer.name]!;
      expect(layer.eigenvalues).toHaveLength(N);
      expect(layer.frobeniusNormSquared! / fnorm_sq).toBeCloseTo(1, 9);
      expect(layer.spectralNorm! / spectral_norm).toBeCloseTo(1, 9);
      expect(layer.stableRank! / filter_zeros_true.stable_rank).toBeCloseTo(1, 7);
      if (!filter_zeros_true.xmin_mid_pos2.well_conditioned) continue;
      expect(layer.alpha! / filter_zeros_true.xmin_mid_pos2.alpha).toBeCloseTo(1, 7);
      expect(layer.ksDistance! / filter_zeros_true.xmin_mid_pos2.D).toBeCloseTo(1, 6);
    }
  });

  it('counts as rank what rises above the rounding noise of float64, so that rounded low rank stays low', async () => {
    const source = await openWeights(fixturePath('esd', 'weights.safetensors'));
    const only = 'rank_deficient_60x60_r22';
    const { layers } = await analyseCheckpoint(source, portableSolver, { settings, only });
    expect(layers[0]!.metrics!.matrixRank).toBe(22);
    expect(layers[0]!.flags).toContain('not of full rank: rank < number of eigenvalues');
  });

  it('keeps layers of few eigenvalues out of the mean where others have enough, and passes no verdict on them', async () => {
    const weights = { wide: normal(1, 60, 80), narrow: normal(2, 6, 2000) };
    const { layers, summary } = await analyseCheckpoint(sourceOf(weights), portableSolver, { settings });
    expect(layers[1]!.alpha).not.toBeNull();
    expect(layers[1]!.metrics!.alphaBestFit).toBeGreaterThan(6);
    expect(layers[1]!.flags).toContain('few eigenvalues: fewer than 50');
    expect(layers[1]!.flags.join()).not.toContain('under-trained');
    expect(summary).toMatchObject({ analysed: 2, alphaMean: layers[0]!.alpha, alphaStd: 0, withoutAlpha: 0 });
    const alone = await analyseCheckpoint(sourceOf({ narrow: weights.narrow }), portableSolver, { settings });
    expect(alone.summary.alphaMean).toBe(layers[1]!.alpha);
  });

  it('gives no numbers where squares leave the range of float64', async () => {
    const scaled = (scale: number) => {
      const { shape, data } = normal(1, 20, 30);
      return { shape, data: Float64Array.from(data, (value) => value * scale) };
    };
    const { layers } = await analyseCheckpoint(
      sourceOf({ huge: scaled(1e200), tiny: scaled(1e-200) }),
      portableSolver,
      {
        settings,
      },
    );
    expect(layers[0]).toMatchObject({ spectralNorm: null, frobeniusNormSquared: null, alpha: null });
    expect(layers[0]!.flags).toEqual(['no alpha: the weights are so large that their squares are beyond float64']);
    expect(layers[1]!.flags).toEqual(['no alpha: every weight is zero, or so small that its square is']);
  });

  it('has the documented shape, with every option', async () => {
    for (const path of [
      fixturePath('models', 'fno1d_c1', 'model.safetensors'),
      fixturePath('models', 'gpt2-tiny'),
      lora,
    ]) {
      const analysis = await analyseCheckpoint(await openWeights(path), portableSolver, {
        settings: {
          ...settings,
          spectralWeights: true,
          randomise: { seed: 0 },
          farms: { side: 8, perSide: 3, placement: 'even', seed: 0 },
        },
        compare: await openWeights(path),
      });
      expect(analysisSchema.parse(JSON.parse(JSON.stringify(analysis)))).toEqual(JSON.parse(JSON.stringify(analysis)));
    }
  });

  it('says why a layer has no alpha, and goes on', async () => {
    const broken = normal(1, 8, 8);
    broken.data[3] = Number.NaN;
    const weights = {
      broken,
      zero: { shape: [4, 4], data: new Float32Array(16) },
      row: normal(2, 1, 9),
      good: normal(3, 64, 64),
    };
    const { layers, summary } = await analyseCheckpoint(sourceOf(weights), portableSolver, { settings });
    expect(layers.map(({ flags }) => flags[0])).toEqual([
      'no alpha: holds NaN or infinite weights: broken',
      'no alpha: every weight is zero, or so small that its square is',
      'no alpha: one eigenvalue is too few for a power-law fit',
      undefined,
    ]);
    expect(summary).toMatchObject({ analysed: 4, withoutAlpha: 3, alphaStd: 0 });
    expect(summary.flags['no alpha']).toBe(3);
  });

  it('measures the layers that match, and names those there are when none does', async () => {
    const source = await openWeights(fixturePath('models', 'roberta-tiny'));
    const { layers } = await analyseCheckpoint(source, portableSolver, { settings, only: '*.1.attention.*' });
    expect(layers).toHaveLength(4);
    await expect(analyseCheckpoint(source, portableSolver, { settings, only: 'decoder*' })).rejects.toThrow(
      /no layer matches "decoder\*"\n {2}It has: roberta\.encoder/,
    );
  });

  it('reads one layer at a time, the costliest first, and tells how far it is', async () => {
    const source = sourceOf({ a: normal(1, 4, 4), b: normal(2, 4, 8) });
    const seen: string[] = [];
    await analyseCheckpoint(
      {
        ...source,
        read: (name) => {
          seen.push(`read ${name}`);
          return source.read(name);
        },
      },
      portableSolver,
      { settings, onProgress: ({ layer, done, total }) => seen.push(`${layer} ${done}/${total}`) },
    );
    expect(seen).toEqual(['b 0/48', 'read b', 'a 32/48', 'read a']);
  });

  it('leaves the product of an adapter out of the mean over its merged layers', async () => {
    const { layers, summary } = await analyseCheckpoint(await openWeights(lora), portableSolver, { settings });
    const merged = layers.flatMap(({ matrix, alpha }) => (matrix === 'BA' ? [] : (alpha ?? [])));
    expect(merged).toHaveLength(4);
    expect(summary.alphaMean).toBeCloseTo(merged.reduce((sum, alpha) => sum + alpha, 0) / 4, 12);
  });
});

describe('a Conv1d by rows', () => {
  const sourceOfConv = (weight: WeightTensor, bits = 24): WeightSource => {
    const source = sourceOf({ conv: weight }, bits);
    return { ...source, layers: source.layers.map((layer) => ({ ...layer, kind: 'conv1d' })) };
  };
  const base = { ...normal(1, 200, 60, 0.02), shape: [200, 60, 1] };
  const plus = (scale: number) => {
    const change = normal(2, 200, 60, scale);
    return { ...base, data: base.data.map((value, at) => value + change.data[at]!) };
  };
  const compare = async (tuned: WeightTensor, bits?: number) => {
    const compared = { settings, compare: sourceOfConv(base, bits) };
    return (await analyseCheckpoint(sourceOfConv(tuned, bits), portableSolver, compared)).comparison!.layers[0]!;
  };

  it('is called neither over- nor under-trained, whatever its alpha', async () => {
    const [layer] = (await analyseCheckpoint(sourceOfConv(base), portableSolver, { settings })).layers;
    expect(layer!.eigenvalues).toHaveLength(200);
    expect(layer!.metrics!.alphaBestFit).toBeGreaterThan(6);
    expect(layer!.flags.join()).not.toMatch(/trained/);
  });

  it('has FARMS take the whole weight as one matrix', async () => {
    const farms = { side: 40, perSide: 3, placement: 'even', seed: 0 } as const;
    const measured = async (source: WeightSource) =>
      (await analyseCheckpoint(source, portableSolver, { settings: { ...settings, farms } })).layers[0]!.farms;
    const dense = await measured(sourceOf({ conv: { ...base, shape: [200, 60] } }));
    expect(dense).toMatchObject({ windows: 9, shape: [40, 40] });
    expect(await measured(sourceOfConv(base))).toEqual(dense);
  });

  it('is compared by the spectra of its rows, the rounding of stored weights apart', async () => {
    const changed = await compare(plus(1e-4));
    expect(changed.difference.eigenvalues).toHaveLength(200);
    expect(changed.difference.alpha).not.toBeNull();
    expect(changed.relativeChange).toBeCloseTo(5e-3, 4);
    expect((await compare(base)).difference.flags).toEqual(['no alpha: nothing changed']);
    expect((await compare(plus(1e-6), 8)).difference.flags[0]).toContain(
      'which rounding the stored weights can explain',
    );
  });
});

describe('a dense weight that is too large to hold', () => {
  const [rows, columns] = [70_000, 250];
  const noise = normal(11, 1, 65_537).data;
  const stored = (scale: number) =>
    Float32Array.from({ length: rows * columns }, (_, at) => noise[at % noise.length]! * (1 + scale * (at % 3)));

  it('is measured by its rows as one in memory is, also against another', async () => {
    const folder = await temporaryFolder();
    const open = async (name: string, scale: number) => {
      const path = join(folder, name);
      const tensor = { dtype: 'BF16', shape: [rows, columns], bytes: brainBytes(stored(scale)) };
      await writeFile(path, rawSafetensors({ 'head.weight': tensor }));
      return openWeights(path);
    };
    const [tuned, base] = [await open('tuned.safetensors', 0.5), await open('base.safetensors', 0)];
    const solver = await openPool('wasm', 1);
    try {
      const { layers, comparison } = await analyseCheckpoint(tuned, solver, { settings, compare: base });
      const whole = await tuned.read('head.weight');
      const other = await base.read('head.weight');
      const change = Float64Array.from(whole.data, (value, at) => value - other.data[at]!);
      expect(layers[0]!.eigenvalues).toEqual([...(await solver.squaredSingularValues(rows, columns, whole.data))]);
      const [{ difference }] = comparison!.layers as [Comparison['layers'][number]];
      expect(difference.eigenvalues).toEqual([...(await solver.squaredSingularValues(rows, columns, change))]);
      expect(difference.metrics!.matrixRank).toBe(columns);
    } finally {
      await solver.close();
    }
  });
});

describe('a comparison', () => {
  const base = normal(1, 48, 64, 0.02);
  const plus = (seed: number, scale: number) => {
    const change = normal(seed, 48, 64, scale);
    return { shape: base.shape, data: base.data.map((value, i) => value + change.data[i]!) };
  };
  const compare = (tuned: WeightTensor, precision = 24, name = 'fc') =>
    analyseCheckpoint(sourceOf({ [name]: tuned }, precision), portableSolver, {
      settings,
      compare: sourceOf({ fc: base }, precision),
    });

  it('gives the spectrum of what changed, however small', async () => {
    const { comparison } = await compare(plus(2, 1e-5));
    const [pair] = comparison!.layers;
    expect(pair!.relativeChange).toBeCloseTo(5e-4, 4);
    expect(pair!.difference.metrics!.matrixRank).toBe(48);
    expect(pair!.difference.alpha).not.toBeNull();
  });

  it('counts a change of low rank as such, the rounding of the stored weights apart', async () => {
    const [left, right] = [normal(3, 48, 2), normal(4, 2, 64)];
    const tuned = {
      shape: base.shape,
      data: base.data.map((value, i) => {
        const [row, column] = [Math.floor(i / 64), i % 64];
        return (
          value +
          1e-3 * (left.data[2 * row]! * right.data[column]! + left.data[2 * row + 1]! * right.data[64 + column]!)
        );
      }),
    };
    const { comparison } = await compare(tuned);
    expect(comparison!.layers[0]!.difference.metrics!.matrixRank).toBe(2);
  });

  it('gives no alpha to a change that rounding alone explains, and says so', async () => {
    const { comparison } = await compare(plus(5, 1e-6), 8);
    const { difference } = comparison!.layers[0]!;
    expect(difference).toMatchObject({ alpha: null, stableRank: null });
    expect(difference.metrics!.matrixRank).toBe(0);
    expect(difference.flags[0]).toMatch(
      /^no alpha: nothing rises above .*, which rounding the stored weights can explain$/,
    );
  });

  it('of equal weights finds no change', async () => {
    const { comparison } = await compare(base);
    expect(comparison!.layers[0]).toMatchObject({ relativeChange: 0, alphaChange: 0 });
    expect(comparison!.layers[0]!.difference.flags).toEqual(['no alpha: nothing changed']);
  });

  it('pairs layers across a prefix, and names those without a counterpart', async () => {
    expect((await compare(base, 24, 'model.fc')).comparison!.layers).toHaveLength(1);
    const apart = (await compare(normal(1, 8, 8), 24, 'fc')).comparison!;
    expect(apart).toMatchObject({ layers: [], onlyHere: ['fc'], onlyThere: ['fc'] });
  });
});
