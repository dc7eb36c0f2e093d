import { Option } from 'commander';
import { UserError } from '../../shared/core/errors.ts';
import type { Conv1dReading, SpectraConfig } from '../../shared/spectra/config.ts';
import { type FitConfig, fitNames } from '../../shared/spectra/fits/registry.ts';
import type { SolverChoice } from '../../shared/spectra/solvers/solver.ts';
import type { AnalysedLayer, Analysis } from '../../shared/weights/analysis.ts';
import { type CliCommand, jsonOption, numberOption, print, solverOption } from '../command.ts';
import { progressBar } from '../views/progress-bar.ts';
import { writeText } from '../write-text.ts';

interface AnalyzeOptions {
  json?: boolean;
  csv?: boolean;
  report?: string;
  fit?: FitConfig['method'];
  xminPos?: number;
  filterZeros?: boolean;
  spectralWeights?: boolean;
  conv1d?: Conv1dReading;
  layers?: string;
  compare?: string;
  base?: string;
  epoch?: number;
  randomise?: boolean;
  farms?: number | true;
  seed: number;
  solver?: SolverChoice;
  eigenvalues: boolean;
}

/** Sub-matrices along each side of a matrix, for `--farms`. */
const farmsPerSide = 5;
const farmsSide = 128;

export const analyzeCommand: CliCommand<AnalyzeOptions> = {
  usage: 'analyze <checkpoint>',
  description:
    'measure how well trained each layer of a checkpoint is: a folder, a .safetensors file, a .pt file of PyTorch, a sharded index, an adapter or a run',
  examples: [
    'npx tempbalance analyze roberta-base',
    'npx tempbalance analyze model.safetensors.index.json --layers "*.mlp.*" --report spectra.html',
    'npx tempbalance analyze tuned --compare roberta-base --json --no-eigenvalues',
    'npx tempbalance analyze runs/burgers-20261123-101500 --epoch 3 --spectral-weights',
  ],
  options: [
    jsonOption('print everything as JSON (docs/analysis.schema.json)'),
    new Option('--csv', 'print a row for each layer as CSV').conflicts('json'),
    new Option('--report <file>', 'write a page with tables and plots'),
    new Option('--fit <method>', 'where the tail starts (default: median, or as in the run)').choices(fitNames),
    numberOption('--xmin-pos <x>', 'with the median fit: the tail starts at index N / x (default: 2)', {
      integer: false,
      least: 1,
    }),
    new Option('--filter-zeros', 'leave out eigenvalues that are as good as zero (the default)'),
    new Option('--no-filter-zeros', 'fit them too'),
    new Option('--spectral-weights', 'analyse the complex weights of spectral convolutions too'),
    new Option(
      '--conv1d <reading>',
      'Conv1d weights as matrices by output (rows) or by tap (default: rows, or as in the run)',
    ).choices(['rows', 'taps']),
    new Option('--layers <glob>', 'only layers whose name matches; * stands for any characters'),
    new Option('--compare <checkpoint>', 'set it against another, such as the weights it was tuned from'),
    new Option('--base <checkpoint>', 'the model an adapter belongs to'),
    numberOption('--epoch <n>', 'of a run: the epoch (default: the best)', { integer: true, least: 0 }),
    new Option('--randomise', 'compare with the same weights in random places, and count correlation traps'),
    numberOption('--farms [side]', `alpha from square windows, free of the shape’s bias (default side: ${farmsSide})`, {
      integer: true,
      least: 2,
    }),
    numberOption('--seed <n>', 'of the random places', { integer: true, least: 0 }).default(0),
    solverOption('the fastest here'),
    new Option('--no-eigenvalues', 'leave the eigenvalues out of the JSON'),
  ],
  async run([path], options) {
    const { analyse } = await import('../../library/analyse.ts');
    const { layers, compare, base, epoch, randomise, seed, solver } = options;
    const bar = progressBar();
    let analysis: Analysis;
    try {
      analysis = await analyse(path!, {
        spectraFrom: (ofRun) => settingsOf(options, ofRun),
        ...(randomise ? { randomise: { seed } } : {}),
        layers,
        compare,
        base,
        epoch,
        solver,
        onProgress: ({ layer, index, layers: all, done, total }) =>
          bar.show(done / total, `layer ${index + 1} of ${all}  ${layer}`),
        onNote: (line) => process.stderr.write(`note: ${line}\n`),
      });
    } finally {
      bar.close();
    }
    await show(analysis, options);
    return 0;
  },
};

/** The run's own settings where there are some, changed by what was asked for. */
function settingsOf(options: AnalyzeOptions, ofRun: SpectraConfig | undefined): Partial<SpectraConfig> {
  const runFit = ofRun?.fit;
  const method = options.fit ?? (options.xminPos === undefined ? runFit?.method : 'median') ?? 'median';
  if (options.xminPos !== undefined && method !== 'median') {
    throw new UserError(`--xmin-pos does not go with --fit ${method}`, {
      remedy: 'Only the median fit starts its tail at a fixed place.',
    });
  }
  const fit =
    method !== 'median'
      ? { method }
      : {
          method,
          ...(runFit?.method === 'median' ? runFit : {}),
          ...(options.xminPos ? { xminPosition: options.xminPos } : {}),
        };
  return {
    ...ofRun,
    fit,
    ...(options.filterZeros === undefined ? {} : { filterZeros: options.filterZeros }),
    ...(options.spectralWeights ? { spectralWeights: true } : {}),
    ...(options.conv1d === undefined ? {} : { conv1d: options.conv1d }),
    ...(options.farms
      ? {
          farms: {
            perSide: farmsPerSide,
            side: farmsSide,
            ...ofRun?.farms,
            ...(options.farms === true ? {} : { side: options.farms }),
          },
        }
      : {}),
  } as Partial<SpectraConfig>;
}

async function show(analysis: Analysis, options: AnalyzeOptions): Promise<void> {
  if (options.json) print(JSON.stringify(options.eigenvalues ? analysis : withoutEigenvalues(analysis)));
  else if (options.csv) {
    const { analysisCsv } = await import('../../shared/weights/csv.ts');
    process.stdout.write(analysisCsv(analysis));
  } else {
    const { formatAnalysis } = await import('../../shared/reports/analysis-text.ts');
    print(formatAnalysis(analysis));
  }
  if (!options.report) return;
  const { renderAnalysis } = await import('../../shared/reports/analysis-report.ts');
  await writeText(options.report, renderAnalysis(analysis, { madeAt: new Date().toISOString() }));
  if (!options.json && !options.csv) print(`\nreport  ${options.report}`);
}

function withoutEigenvalues(analysis: Analysis): Analysis {
  const slim = ({ eigenvalues: _, randomised, ...layer }: AnalysedLayer): AnalysedLayer => {
    if (!randomised) return layer;
    const { eigenvalues: __, ...rest } = randomised;
    return { ...layer, randomised: rest };
  };
  const { comparison } = analysis;
  return {
    ...analysis,
    layers: analysis.layers.map(slim),
    ...(comparison
      ? {
          comparison: {
            ...comparison,
            layers: comparison.layers.map((pair) => ({
              ...pair,
              other: slim(pair.other),
              difference: slim(pair.difference),
            })),
          },
        }
      : {}),
  };
}
