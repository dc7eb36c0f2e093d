import { withOptionalPackages } from '../shared/core/optional-packages.ts';
import { openCheckpoint } from '../shared/local/open-checkpoint.ts';
import { type SpectraConfig, spectraConfigSchema } from '../shared/spectra/config.ts';
import { openSolver, solverFromEnvironment } from '../shared/spectra/solvers/open-solver.ts';
import type { SolverChoice } from '../shared/spectra/solvers/solver.ts';
import { type AnalysisProgress, analyseCheckpoint, checkpointFlops } from '../shared/weights/analyse-checkpoint.ts';
import type { Analysis } from '../shared/weights/analysis.ts';
import { localPathOf } from './local-path.ts';
import { checkedOption } from './options.ts';

/** Options of an analysis. */
export interface AnalyseOptions {
  /** Settings of the spectra, as in a run file's `balance` section; absent: those of the run, or the defaults. */
  readonly spectra?: Partial<SpectraConfig>;
  /** Compare with the same weights in random places, drawn by this seed. */
  readonly randomise?: { readonly seed: number };
  /** Glob that the names of layers have to match, such as `*.mlp.*`. */
  readonly layers?: string | undefined;
  /** Another checkpoint that it is set against, such as the weights it was tuned from. */
  readonly compare?: string | undefined;
  /** The model an adapter belongs to. */
  readonly base?: string | undefined;
  /** The epoch of a run; absent: the best. */
  readonly epoch?: number | undefined;
  /** The solver of eigenvalues; absent: the fastest here. */
  readonly solver?: SolverChoice | undefined;
  readonly onProgress?: (progress: AnalysisProgress) => void;
  /** Told of what is fetched out of S3. */
  readonly onNote?: (line: string) => void;
  /** The settings of `spectra` where they depend on those that the run has on record. */
  readonly spectraFrom?: (ofRun: SpectraConfig | undefined) => Partial<SpectraConfig>;
}

/**
 * Measures how well trained each layer of a checkpoint is: its spectrum, alpha and what else follows from it.
 * @param checkpoint a `.safetensors` file, a `.pt` file of PyTorch, an index of shards, a folder of Hugging Face's, an adapter, or a run.
 * @throws UserError when it is none of these, when an option is wrong, or no layer is left to measure.
 */
export async function analyse(checkpoint: string, options: AnalyseOptions = {}): Promise<Analysis> {
  const localPath = (address: string) => localPathOf(address, options.onNote ?? (() => {}));
  const { layers, compare, base, epoch, solver: choice, onProgress = () => {} } = options;
  return withOptionalPackages(async () => {
    const opened = await openCheckpoint(checkpoint, { epoch, base, localPath });
    const other = compare === undefined ? undefined : await openCheckpoint(compare, { localPath });
    const spectra = options.spectraFrom?.(opened.spectra) ?? { ...opened.spectra, ...options.spectra };
    const { randomise } = options;
    const settings = {
      ...checkedOption(spectraConfigSchema, spectra, 'spectra'),
      ...(randomise === undefined ? {} : { randomise }),
    };
    const solver = await openSolver(choice ?? solverFromEnvironment(process.env), {
      flops: checkpointFlops(opened.weights, settings),
    });
    try {
      const analysis = await analyseCheckpoint(opened.weights, solver, {
        settings,
        only: layers,
        compare: other?.weights,
        onProgress,
      });
      return opened.epoch === undefined
        ? analysis
        : { ...analysis, source: { ...analysis.source, epoch: opened.epoch } };
    } finally {
      await solver.close();
    }
  });
}
