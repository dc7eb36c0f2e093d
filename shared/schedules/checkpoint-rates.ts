/** What `tempbalance rates --json` prints: the schema is its documentation. */
import { z } from 'zod';
import { csvRows } from '../core/csv.ts';
import { spectraReport } from '../spectra/analyse.ts';
import type { LayerSpectrum } from '../spectra/spectrum.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { weightFormats } from '../weights/weight-source.ts';
import type { BalanceConfig } from './config.ts';
import type { ModelKind } from './presets/preset.ts';
import { rateTable } from './rate-table.ts';
import type { Multipliers } from './rates.ts';

const factors = {
  learningRateFactor: z.number().describe('Factor on the base learning rate.'),
  weightDecayFactor: z.number().describe('Factor on the base weight decay; 1 unless `balance.target` names it.'),
  rhoFactor: z.number().optional().describe('Factor on the radius of SAM; absent: 1.'),
};

const parameterSchema = z
  .object({
    shape: z.array(z.int()).readonly(),
    layer: z.string().nullable().describe('The measured layer that it follows; null: none.'),
    decays: z.boolean().describe('Whether weight decay is usual for it: not for biases and norms.'),
    ...factors,
    learningRate: z
      .number()
      .optional()
      .describe('Base learning rate times factor; absent without `base.learningRate`.'),
    weightDecay: z
      .number()
      .optional()
      .describe('Base weight decay times factor, 0 where it does not decay; absent without `base.weightDecay`.'),
  })
  .meta({ id: 'parameter', description: 'One parameter.' });

const layerSchema = z
  .object({
    name: z.string(),
    shape: z.array(z.int()).readonly().describe('Shape of the weight.'),
    alpha: z
      .number()
      .nullable()
      .describe('Exponent of the tail; null where a fit would mean nothing: `flags` says why.'),
    value: z.number().nullable().describe('What layers are compared by: `balance.metric`.'),
    ...factors,
    flags: z.array(z.string()).readonly(),
  })
  .meta({ id: 'layer', description: 'One measured layer.' });

const groupSchema = z
  .object({
    parameters: z.array(z.string()).readonly().describe('Their names, as in `parameters`.'),
    decays: z.boolean().describe('As of its parameters.'),
  })
  .meta({ id: 'group', description: 'Parameters that always have the same factors: a group of an optimizer.' });

export const checkpointRatesSchema = z
  .object({
    version: z.literal(1).describe('Grows when a key changes its meaning or goes away; new keys may come at any time.'),
    source: z.object({
      path: z.string(),
      format: z.enum(weightFormats),
      epoch: z.int().optional().describe('Of a run: the epoch.'),
    }),
    kind: z
      .enum(['language', 'fields'])
      .nullable()
      .describe('The kind of the model, by which a preset has its settings; null: the settings are the same for both.'),
    kindFrom: z.string().describe('What tells the kind.'),
    known: z
      .boolean()
      .describe('Whether the model is one that the pipeline trains, so that norms follow the same layers as there.'),
    settings: z
      .looseObject({ preset: z.string().optional() })
      .describe('The `balance` section with all defaults (docs/run-file.md). When rates are set is up to the trainer.'),
    seed: z.int().describe('Of what `balance.control` draws.'),
    base: z.object({
      learningRate: z.number().optional().describe('--base-lr'),
      weightDecay: z.number().optional().describe('--base-weight-decay'),
    }),
    parameters: z
      .record(z.string(), parameterSchema)
      .describe('Every parameter, by its name in the checkpoint; with `--parameters`, those, by these names.'),
    groups: z
      .array(groupSchema)
      .readonly()
      .describe(
        'All parameters by the layer that they follow, and by whether they decay; one without a layer is alone.',
      ),
    unmatched: z
      .array(z.string())
      .readonly()
      .optional()
      .describe('With `--parameters`: those that the checkpoint does not have, which keep the base rate.'),
    layers: z.array(layerSchema).readonly().describe('The measured layers, in their order.'),
    warnings: z
      .array(z.string())
      .readonly()
      .describe('Which layers and parameters keep the base rate, and why; shapes that differ.'),
    notes: z.array(z.string()).readonly(),
  })
  .describe('The rates of the parameters of a checkpoint.');

/** The rates of the parameters of a checkpoint; docs/rates.schema.json describes every key. */
export type CheckpointRates = z.output<typeof checkpointRatesSchema>;

/** The JSON Schema of the rates. */
export const checkpointRatesJsonSchema = (): Record<string, unknown> =>
  z.toJSONSchema(checkpointRatesSchema, { io: 'input' });

/** A checkpoint's layers and parameters with their measurements. */
export interface MeasuredCheckpoint {
  readonly source: CheckpointRates['source'];
  readonly kind: ModelKind | null;
  readonly kindFrom: string;
  readonly known: boolean;
  readonly parameters: readonly ParameterSpec[];
  readonly spectra: readonly LayerSpectrum[];
  readonly notes: readonly string[];
}

/** The rates that these settings give a measured checkpoint: the multipliers that a run would set, times the base rates. */
export function checkpointRates(
  { parameters, spectra, notes, ...described }: MeasuredCheckpoint,
  settings: BalanceConfig,
  { base, seed }: { readonly base: CheckpointRates['base']; readonly seed: number },
): CheckpointRates {
  const table = rateTable(spectraReport(spectra), parameters, settings, seed);
  const factorsOf = ({ learningRate, weightDecay, rho }: Multipliers) => ({
    learningRateFactor: learningRate,
    weightDecayFactor: weightDecay,
    ...(rho === undefined ? {} : { rhoFactor: rho }),
  });
  const none: Multipliers = { learningRate: 1, weightDecay: 1 };
  const rowOf = ({ name, shape, layer, decay }: ParameterSpec) => {
    const multipliers = Object.hasOwn(table.parameters, name) ? table.parameters[name]! : none;
    return {
      shape,
      layer: layer !== undefined && Object.hasOwn(table.layers, layer) ? layer : null,
      decays: decay,
      ...factorsOf(multipliers),
      ...(base.learningRate === undefined ? {} : { learningRate: base.learningRate * multipliers.learningRate }),
      ...(base.weightDecay === undefined
        ? {}
        : { weightDecay: decay ? base.weightDecay * multipliers.weightDecay : 0 }),
    };
  };
  const rows = Object.fromEntries(parameters.map((spec) => [spec.name, rowOf(spec)]));
  return {
    version: 1,
    ...described,
    settings,
    seed,
    base,
    parameters: rows,
    groups: groupsOf(rows),
    layers: spectra.map(({ name, shape, alpha, flags, ...values }) => ({
      name,
      shape,
      alpha,
      value: { alpha, ...values }[settings.metric],
      ...factorsOf(table.layers[name]!),
      flags,
    })),
    warnings: table.warnings,
    notes,
  };
}

/** Parameters by the layer that they follow, and by whether they decay; one without a layer is alone. */
export function groupsOf(parameters: CheckpointRates['parameters']): CheckpointRates['groups'] {
  const groups = Map.groupBy(Object.entries(parameters), ([name, { layer, decays }]) =>
    JSON.stringify([layer === null ? { name } : layer, decays]),
  );
  return [...groups.values()].map((members) => ({
    parameters: members.map(([name]) => name),
    decays: members[0]![1].decays,
  }));
}

/** The rates as CSV (RFC 4180), a parameter a row; an empty cell is no number. */
export function checkpointRatesCsv({ parameters }: Pick<CheckpointRates, 'parameters'>): string {
  const columns = ['learningRateFactor', 'learningRate', 'weightDecayFactor', 'weightDecay', 'rhoFactor'] as const;
  return csvRows([
    ['name', 'layer', 'shape', ...columns],
    ...Object.entries(parameters).map(([name, row]) => [
      name,
      row.layer ?? '',
      row.shape.join('x'),
      ...columns.map((column) => row[column] ?? ''),
    ]),
  ]);
}
