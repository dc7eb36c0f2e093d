/** Weights to analyse from anywhere on this machine: a checkpoint's files, or one of our runs. */
import { UserError } from '../core/errors.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { files, modelFileOf, type RunRecord } from '../pipeline/records.ts';
import { fingerprintBase, refuseOtherBase } from '../pipeline/run-base.ts';
import { modelOfRun } from '../pipeline/run-model.ts';
import { spectraSettings } from '../pipeline/run-solver.ts';
import { type SpectraConfig, spectraConfigSchema } from '../spectra/config.ts';
import { wholeOfBlocks } from '../tensors/diagonal-blocks.ts';
import type { Layer } from '../tensors/layer.ts';
import { openTensors } from '../tensors/open-tensors.ts';
import { openSafetensors, type SafetensorsFile } from '../tensors/safetensors.ts';
import { elementCount } from '../tensors/tensor.ts';
import { rowsOfTensor } from '../tensors/tensor-store.ts';
import { wholeOfTucker } from '../tensors/tucker.ts';
import { adapterLayers } from '../weights/adapter.ts';
import { openWeights } from '../weights/open-weights.ts';
import { storedPrecision, type WeightLayer, type WeightSource } from '../weights/weight-source.ts';
import { findEpoch } from './run-epoch.ts';
import { type RunFolder, runAt } from './run-folder.ts';

/** Opened weights; a run brings its epoch and the settings its own spectra were taken with. */
export interface OpenedCheckpoint {
  readonly weights: WeightSource;
  readonly epoch?: number;
  readonly spectra?: SpectraConfig;
  /** The record, where the checkpoint is of a run. */
  readonly record?: RunRecord;
}

/**
 * A checkpoint's files or a run, which may be given by its name below `runs/`; of a run, the given epoch or the best.
 * @param options.localPath where the base of a run's adapter is on this machine
 * @throws UserError when it is neither, or when the epoch has no weights any more.
 */
export async function openCheckpoint(
  path: string,
  { epoch, base, localPath }: { epoch?: number | undefined; base?: string | undefined; localPath: LocalPath },
): Promise<OpenedCheckpoint> {
  const run = await runAt(path);
  if (run) return openRun(path, run, epoch, localPath);
  if (epoch !== undefined) {
    throw new UserError('is not a run, so it has no epochs', { where: path, remedy: 'Leave --epoch out.' });
  }
  return { weights: await openWeights(path, { base }) };
}

async function openRun(
  path: string,
  folder: RunFolder,
  wanted: number | undefined,
  localPath: LocalPath,
): Promise<OpenedCheckpoint> {
  const { record, manifest, epoch, isBest, source } = await findEpoch(path, folder, wanted);
  const tensors = await openSafetensors(source);
  const layers = record.adapter ? await adaptedLayersOf(record.adapter, tensors, localPath) : layersOf(record, tensors);
  const isAveraged = modelFileOf(manifest) !== files.model;
  const whose = isAveraged ? ['the weights that are trained, as in the run itself, and not their average'] : [];
  const weights: WeightSource = {
    label: path,
    format: 'run',
    ...layers,
    notes: [`epoch ${epoch}${isBest ? ', the best' : ''}`, ...whose, ...layers.notes],
  };
  return { weights, epoch, spectra: spectraOf(spectraSettings(record)), record };
}

type LocalPath = TaskContext['localPath'];
type Layers = Omit<WeightSource, 'label' | 'format'>;

/** What the run's adapter makes of its base, and each update alone; the base must be there as the run began with it. */
async function adaptedLayersOf(
  { config, base }: NonNullable<RunRecord['adapter']>,
  tensors: SafetensorsFile,
  localPath: LocalPath,
): Promise<Layers> {
  const folder = await localPath(base.path);
  refuseOtherBase(base, await fingerprintBase(folder));
  const source = adapterLayers(tensors, await openTensors(folder), config);
  return { ...source, notes: [`base: ${base.path}`, ...source.notes] };
}

function layersOf(record: RunRecord, tensors: SafetensorsFile): Layers {
  const ofModel = modelOfRun(record).layers;
  const factorised = new Map(
    ofModel.filter(({ factors }) => factors === 'tucker').map(({ weights }) => [weights[0], weights.slice(1)]),
  );
  const inBlocks = new Set(ofModel.filter(({ factors }) => factors === 'blocks').flatMap(({ weights }) => weights));
  const layers = ofModel.map(({ factors, ...layer }): WeightLayer => {
    if (factors === 'tucker') return wholeLayer(layer, tensors);
    const entries = layer.weights.map((name) => tensors.entry(name));
    const [parts = 0, blocks = 0, ...sides] = entries[0]!.shape;
    return {
      ...layer,
      matrix: 'W',
      shape: factors === 'blocks' ? [...sides, blocks, parts] : entries[0]!.shape,
      size: entries.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      precision: storedPrecision(entries[0]!),
    };
  });
  const analysed = new Set(ofModel.flatMap((layer) => layer.weights));
  const skipped = tensors
    .names()
    .filter((name) => !analysed.has(name))
    .map((name) => ({ name, reason: 'not the weight of a layer' }));
  return {
    layers,
    skipped,
    notes: [],
    async read(name) {
      const factors = factorised.get(name);
      const weight = await tensors.read(name);
      if (inBlocks.has(name)) return wholeOfBlocks(weight);
      return factors ? wholeOfTucker(weight, await Promise.all(factors.map((factor) => tensors.read(factor)))) : weight;
    },
    openRows: async (name) => rowsOfTensor(tensors, name),
  };
}

/** A layer whose weight is stored as Tucker factors, as the whole weight, which has the name of the core. */
function wholeLayer({ weights, ...layer }: Layer, tensors: SafetensorsFile): WeightLayer {
  const [core, ...factors] = weights as [string, ...string[]];
  const shape = [...factors.map((factor) => tensors.entry(factor).shape[0]!), 2];
  return {
    ...layer,
    weights: [core],
    matrix: 'W',
    shape,
    size: elementCount(shape),
    precision: storedPrecision(tensors.entry(core)),
  };
}

const spectraOf = ({ fit, filterZeros, spectralWeights, conv1d, farms }: SpectraConfig): SpectraConfig =>
  spectraConfigSchema.parse({ fit, filterZeros, spectralWeights, conv1d, farms });
