/** What `tempbalance analyze --json` prints: the schema is its documentation. */
import { z } from 'zod';
import { conv1dReadings } from '../spectra/config.ts';
import { type MetricName, spectrumMetrics } from '../spectra/metrics/registry.ts';
import { weightFormats } from './weight-source.ts';

const number = (text: string) => z.number().describe(text);
const maybe = (text: string) => z.number().nullable().describe(text);

const metricsSchema = z
  .object(
    Object.fromEntries(spectrumMetrics.map(({ name, description }) => [name, maybe(description)])) as Record<
      MetricName,
      z.ZodNullable<z.ZodNumber>
    >,
  )
  .nullable()
  .describe('More numbers about the spectrum; null where it could not be taken.');

const randomisedSchema = z
  .object({
    traps: z
      .int()
      .describe('Correlation traps: eigenvalues beyond the edge of random-matrix theory even after permuting.'),
    spikes: z.int().describe('Eigenvalues of the layer itself beyond that edge: what it has learnt.'),
    distance: number('Largest difference between the cumulative distributions of both spectra, 0 to 1.'),
    spectralNorm: number('Largest eigenvalue of the permuted weights.'),
    eigenvalues: z.array(z.number()).readonly().optional().describe('Of the permuted weights, ascending.'),
  })
  .describe('With --randomise: the same weights in random places.');

const farmsSchema = z
  .object({
    alpha: maybe('Exponent by FARMS.'),
    windows: z.int().describe('Number of sub-matrices.'),
    shape: z
      .array(z.int())
      .readonly()
      .describe(
        'Shape of each. A Conv1d by rows gives windows of the weight as one [out, in * k] matrix; convolutions by taps give blocks as wide as the shorter of out and in.',
      ),
    reason: z.string().optional().describe('Why there is no alpha.'),
  })
  .describe('With --farms: alpha from sub-matrices of one aspect ratio, comparable between layers of any shape.');

const layerSchema = z
  .object({
    name: z.string().describe('Module of the model.'),
    kind: z.enum(['linear', 'conv1d', 'conv2d', 'conv3d', 'spectralConv']).describe('How the weight becomes matrices.'),
    matrix: z
      .enum(['W', 'W + scale * BA', 'BA', 'W - W0'])
      .describe(
        'Which matrix: the weight, the weight with its adapter, the adapter alone, or the change against --compare.',
      ),
    shape: z.array(z.int()).readonly().describe('Shape of the weight, as stored.'),
    eigenvalues: z
      .array(z.number())
      .readonly()
      .optional()
      .describe('Squared singular values, ascending, unfiltered; absent with --no-eigenvalues.'),
    alpha: maybe('Exponent of the tail; null where a fit would mean nothing: `flags` says why.'),
    xmin: maybe('Smallest eigenvalue of the tail.'),
    tail: maybe('Number of eigenvalues in the tail.'),
    ksDistance: maybe('Kolmogorov-Smirnov distance between tail and fit.'),
    spectralNorm: maybe('Largest eigenvalue; null where there is none, or beyond float64.'),
    frobeniusNormSquared: maybe('Sum of the eigenvalues; null where `spectralNorm` is.'),
    stableRank: maybe('Sum of the eigenvalues (zeros filtered out) over the largest.'),
    alphaHat: maybe('alpha * log10(spectralNorm)'),
    flags: z.array(z.string()).readonly().describe('Remarks in plain language, each as `flag: rule or reason`.'),
    metrics: metricsSchema,
    randomised: randomisedSchema.optional(),
    farms: farmsSchema.optional(),
  })
  .meta({ id: 'layer', description: 'One layer.' });

const comparisonSchema = z
  .object({
    other: z.string().describe('What it is compared with.'),
    layers: z
      .array(
        z.object({
          name: z.string(),
          alpha: maybe('Of this checkpoint.'),
          otherAlpha: maybe('Of the other.'),
          alphaChange: maybe('alpha - otherAlpha'),
          relativeChange: maybe('Frobenius norm of W - W0 over that of W0.'),
          other: layerSchema.describe('The layer in the other checkpoint.'),
          difference: layerSchema.describe('The spectrum of W - W0.'),
        }),
      )
      .readonly(),
    onlyHere: z.array(z.string()).readonly().describe('Layers that the other does not have, or has in another shape.'),
    onlyThere: z.array(z.string()).readonly().describe('Layers that only the other has.'),
  })
  .describe('With --compare.');

export const analysisSchema = z
  .object({
    version: z.literal(1).describe('Grows when a key changes its meaning or goes away; new keys may come at any time.'),
    source: z.object({
      path: z.string(),
      format: z.enum(weightFormats),
      epoch: z.int().optional().describe('Of a run: the epoch that was analysed.'),
    }),
    settings: z
      .looseObject({
        conv1d: z
          .enum(conv1dReadings)
          .describe(
            'How Conv1d weights [out, in, k] became matrices: `rows`, out of in x k; `taps`, k of out x in times sqrt(0.5). Absent from analyses of earlier versions, which took taps.',
          )
          .optional(),
      })
      .describe('How the spectra were taken and fitted.'),
    layers: z.array(layerSchema).readonly(),
    summary: z.object({
      analysed: z.int().describe('Number of layers.'),
      alphaMean: maybe(
        'Over the layers with an alpha and at least 50 eigenvalues, or over all with an alpha where none has so many; of an adapter with its base, over W + scale * BA alone.',
      ),
      alphaStd: maybe('Population standard deviation of alpha over the same layers: how unevenly trained they are.'),
      withoutAlpha: z.int().describe('Layers without an alpha.'),
      flags: z.record(z.string(), z.int()).describe('How many layers have each flag.'),
    }),
    comparison: comparisonSchema.optional(),
    skipped: z
      .array(z.object({ name: z.string(), reason: z.string() }))
      .readonly()
      .describe('Tensors that are not analysed.'),
    notes: z.array(z.string()).readonly(),
  })
  .describe('The spectra of a checkpoint.');

/** What was measured of a checkpoint; docs/analysis.schema.json describes every key. */
export type Analysis = z.output<typeof analysisSchema>;
/** What was measured of one layer. */
export type AnalysedLayer = z.output<typeof layerSchema>;
export type Comparison = z.output<typeof comparisonSchema>;

/** The JSON Schema of the analysis. */
export const analysisJsonSchema = (): Record<string, unknown> => z.toJSONSchema(analysisSchema, { io: 'input' });
