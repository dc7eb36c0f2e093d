import { z } from 'zod';
import type { Override } from '../shared/config/parse-run-file.ts';
import { withOptionalPackages } from '../shared/core/optional-packages.ts';
import { rateCheckpoint } from '../shared/local/rate-checkpoint.ts';
import type { CheckpointRates } from '../shared/schedules/checkpoint-rates.ts';
import { solverFromEnvironment } from '../shared/spectra/solvers/open-solver.ts';
import type { SolverChoice } from '../shared/spectra/solvers/solver.ts';
import type { MeasureOptions } from '../shared/weights/measure-weights.ts';
import { localPathOf } from './local-path.ts';
import { checkedOption } from './options.ts';
import { overridesOf, type Settings } from './settings.ts';

/** Options of the rates of a checkpoint. */
export interface RatesOptions extends MeasureOptions {
  /** Published method, as `balance.preset`; absent: `modelBalancing`, or the settings of the run. */
  readonly preset?: string | undefined;
  /** Settings of the `balance` section by dotted keys, such as `{ 'balance.assignment.s': 0.5 }`. */
  readonly set?: Settings;
  /** Kind of the model, for which presets differ; absent: the checkpoint tells. */
  readonly kind?: 'language' | 'fields' | undefined;
  /** Base learning rate; absent: factors alone. */
  readonly learningRate?: number | undefined;
  /** Base weight decay; absent: factors alone. */
  readonly weightDecay?: number | undefined;
  /** Of what `balance.control` draws; absent: 0, or that of the run. */
  readonly seed?: number | undefined;
  /** The epoch of a run; absent: the best. */
  readonly epoch?: number | undefined;
  /** The model an adapter belongs to. */
  readonly base?: string | undefined;
  /** The solver of eigenvalues; absent: the fastest here. */
  readonly solver?: SolverChoice | undefined;
  /** Parameters of a trainer's model, by their names in it with their shapes: the rates are theirs alone. Absent: all that the checkpoint has. */
  readonly parameters?: Readonly<Record<string, readonly number[]>> | undefined;
  /** Told of what is fetched out of S3. */
  readonly onNote?: (line: string) => void;
}

/** Options that the command checks as it reads them. */
const checks = {
  learningRate: z.number().positive().optional(),
  weightDecay: z.number().min(0).optional(),
  seed: z.int().min(0).optional(),
  epoch: z.int().min(0).optional(),
  kind: z.enum(['language', 'fields']).optional(),
};

/** As `rates`, with settings that are overrides already: each tells the place it is from. */
export function ratesWith(
  checkpoint: string,
  overrides: readonly Override[],
  { learningRate, weightDecay, solver, epoch, base, onNote = () => {}, ...options }: Omit<RatesOptions, 'set'>,
): Promise<CheckpointRates> {
  return withOptionalPackages(() =>
    rateCheckpoint(checkpoint, {
      ...options,
      overrides,
      base: {
        ...(learningRate === undefined ? {} : { learningRate }),
        ...(weightDecay === undefined ? {} : { weightDecay }),
      },
      solver: solver ?? solverFromEnvironment(process.env),
      open: { epoch, base, localPath: (address) => localPathOf(address, onNote) },
    }),
  );
}

/**
 * Says which learning rate each parameter of a checkpoint should have next, as a run would set it after an analysis of the same weights.
 * @param checkpoint as of `analyse`; or a file of rates that were made before, whose name ends in `rates.json`.
 * @throws UserError when it is no checkpoint, when the settings are wrong, or when the kind of the model has to be given.
 */
export async function rates(checkpoint: string, options: RatesOptions = {}): Promise<CheckpointRates> {
  const { set, ...others } = options;
  for (const [name, schema] of Object.entries(checks)) checkedOption(schema, others[name as keyof typeof checks], name);
  return ratesWith(checkpoint, overridesOf(set), others);
}
