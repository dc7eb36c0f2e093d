/**
 * FARMS (ICML 2025): alpha from sub-matrices of one fixed aspect ratio, which takes away the bias that the shape of a
 * layer puts on its alpha.
 */
import { UserError } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import { type Random, randomFor } from '../core/random.ts';
import type { LayerKind } from '../tensors/layer.ts';
import { formatShape, type WeightTensor } from '../tensors/tensor.ts';
import type { SpectraConfig } from './config.ts';
import { describeSpectrum } from './describe.ts';
import { planFarms, type WindowPlacement, windowStarts } from './farms-plan.ts';
import { type Matrix, matricesOf } from './matrices.ts';
import { pooled } from './pooled-spectrum.ts';
import type { SpectrumSource } from './spectrum-source.ts';

/** Windows of `rows` x `columns`, so the aspect ratio is columns / rows. */
export interface FarmsWindows {
  readonly rows: number;
  readonly columns: number;
  readonly placement: WindowPlacement;
  /** As many windows as by `placement`, with corners that this draws, each anywhere in the matrix. */
  readonly random?: Random | undefined;
}

/** Alpha by FARMS, with the sub-matrices that it comes from. */
export interface FarmsAlpha {
  readonly alpha: number | null;
  /** Number of sub-matrices. */
  readonly windows: number;
  /** Shape of each sub-matrix. */
  readonly shape: readonly number[];
  /** Why there is no alpha. */
  readonly reason?: string;
}

/** The result where there is no alpha by FARMS, with the reason. */
export const withoutFarms = (reason: string): FarmsAlpha => ({ alpha: null, windows: 0, shape: [], reason });

/** Why an update B A has no alpha by FARMS. */
export const farmsOfProduct = 'a product of low rank has no sub-matrices of full rank';

/** Settings of a measurement by FARMS. */
type FarmsSettings = Pick<SpectraConfig, 'fit' | 'filterZeros' | 'conv1d'> & {
  readonly farms: NonNullable<SpectraConfig['farms']>;
};

/**
 * Measures a layer's alpha by FARMS from square sub-matrices: one fit to all windows of a matrix together, or, of taps, the mean of a
 * fit to each block. Windows in random places are drawn by the seed and the layer's name.
 * @throws UserError when a weight hasn't the shape of its kind of layer.
 */
export async function measureFarms(
  { name, kind }: { readonly name: string; readonly kind: LayerKind },
  [first]: readonly (readonly [name: string, weight: WeightTensor])[],
  settings: FarmsSettings,
  solver: SpectrumSource,
): Promise<FarmsAlpha> {
  const [weightName, weight] = first!;
  const plan = planFarms(kind, weight.shape, settings);
  if ('refused' in plan) return withoutFarms(plan.refused);
  const { side, windows, rows, columns } = plan;
  const { perSide, placement, seed } = settings.farms;
  const found = { windows, shape: [side, side] };
  const pools =
    plan.from === 'taps'
      ? await farmsConvolution([...matricesOf(kind, weightName, weight, 'taps')], 1, solver)
      : [
          await farmsEigenvalues(
            { rows, columns, data: weight.data },
            {
              rows: side,
              columns: side,
              placement: { count: perSide },
              random: placement === 'random' ? randomFor(seed, 'farms', name) : undefined,
            },
            solver,
          ),
        ];
  const fits = pools.map(
    (pool) => describeSpectrum({ name, kind, shape: weight.shape }, pool, settings, { dimension: side }).spectrum,
  );
  const refused = fits.find(({ alpha }) => alpha === null);
  if (refused) return { alpha: null, ...found, reason: refused.flags.join('; ').replace(/^no alpha: /, '') };
  const sum = fits.reduce((total, { alpha }) => total + alpha!, 0);
  return { alpha: sum / fits.length, ...found };
}

/**
 * Squared singular values of all windows of a row-major matrix, pooled, ascending.
 * @throws UserError when a window is larger than the matrix.
 */
export async function farmsEigenvalues(
  matrix: Pick<Matrix, 'rows' | 'columns' | 'data'>,
  windows: FarmsWindows,
  solver: SpectrumSource,
): Promise<Float64Array> {
  const { rows, columns } = windows;
  if (rows > matrix.rows || columns > matrix.columns) {
    throw new UserError(
      `windows of ${formatShape([rows, columns])} don't fit in a matrix of ${formatShape([matrix.rows, matrix.columns])}`,
    );
  }
  return pooled(
    await mapInFlight(corners(matrix, windows), { count: solver.concurrency ?? 1 }, ({ top, left }) =>
      solver.squaredSingularValues(rows, columns, cut(matrix, top, left, rows, columns)),
    ),
  );
}

function* corners(
  matrix: Pick<Matrix, 'rows' | 'columns'>,
  { rows, columns, placement, random }: FarmsWindows,
): Generator<{ top: number; left: number }> {
  for (const top of windowStarts(matrix.rows, rows, placement)) {
    for (const left of windowStarts(matrix.columns, columns, placement)) {
      yield random
        ? { top: random.integer(matrix.rows - rows + 1), left: random.integer(matrix.columns - columns + 1) }
        : { top, left };
    }
  }
}

/**
 * A convolution's spectra: its taps, given as matrices that are scaled already, are turned so that rows >= columns and
 * cut into disjoint blocks of rows of one aspect ratio (columns / rows when below 1, its inverse when above); each block
 * pools all taps. Every block has an alpha; the layer's is their mean.
 */
export async function farmsConvolution(
  taps: readonly Pick<Matrix, 'rows' | 'columns' | 'data'>[],
  aspectRatio: number,
  solver: SpectrumSource,
): Promise<Float64Array[]> {
  const upright = taps.map((tap) => (tap.rows >= tap.columns ? tap : transpose(tap)));
  const { rows, columns } = upright[0]!;
  const height = aspectRatio > 1 ? Math.floor(columns / aspectRatio) : columns;
  const width = aspectRatio > 1 ? columns : Math.floor(columns * aspectRatio);
  if (height < 1 || width < 1) {
    throw new UserError(
      `windows of aspect ratio ${aspectRatio} don't fit in a matrix of ${formatShape([rows, columns])}`,
    );
  }
  const blocks: Float64Array[] = [];
  for (let block = 0; block < Math.floor(rows / columns); block++) {
    const pool = await mapInFlight(upright, { count: solver.concurrency ?? 1 }, (tap) =>
      solver.squaredSingularValues(height, width, cut(tap, block * height, 0, height, width)),
    );
    blocks.push(pooled(pool));
  }
  return blocks;
}

function cut(
  matrix: Pick<Matrix, 'columns' | 'data'>,
  top: number,
  left: number,
  rows: number,
  columns: number,
): Float64Array {
  const window = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const start = (top + row) * matrix.columns + left;
    window.set(matrix.data.subarray(start, start + columns), row * columns);
  }
  return window;
}

function transpose({ rows, columns, data }: Pick<Matrix, 'rows' | 'columns' | 'data'>) {
  const turned = new Float64Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = data[row * columns + column]!;
  }
  return { rows: columns, columns: rows, data: turned };
}
