/** When a run's layers are measured, and how the rates move from one measurement to the next. Steps count from 0 over the whole run. */
import { z } from 'zod';

/** The part of the run file's `balance` section that says when. */
export const timingSettings = {
  every: z
    .union([
      z.int().positive(),
      z.strictObject({
        steps: z.int().positive().describe('Optimizer steps between analyses, counted over the whole run.'),
        timesAnEpoch: z
          .int()
          .positive()
          .optional()
          .describe(
            'At least about so many analyses in an epoch: short epochs have fewer steps between them. Absent: only `steps` counts.',
          ),
      }),
    ])
    .default(1)
    .describe('Epochs between analyses. Or `{ steps: 100 }`: optimizer steps between analyses, also within an epoch.'),
  until: z
    .strictObject({
      share: z.number().positive().lt(1).optional().describe("Share of the run's steps."),
      epoch: z.int().positive().optional().describe('The last epoch after which the rates may change.'),
    })
    .refine(({ share, epoch }) => (share === undefined) !== (epoch === undefined), {
      error: 'takes either share or epoch, one of them',
    })
    .optional()
    .describe(
      'When analyses stop setting rates; give one of the two. After that, the last rates stay. Absent: at the end.',
    ),
  rampSteps: z
    .int()
    .nonnegative()
    .default(0)
    .describe(
      'Number of optimizer steps in which the factors change linearly from the old to the new ones. 0: at once.',
    ),
};

type Every = z.output<typeof timingSettings.every>;
type Until = z.output<typeof timingSettings.until>;

/** When analyses set rates. */
export interface TimingConfig {
  readonly every: Every;
  readonly until?: Until;
}

/** Length of a run in epochs and steps. */
export interface RunLength {
  readonly epochs: number;
  /** Optimizer steps in each epoch. */
  readonly stepsPerEpoch: number;
}

/** The number of steps of the run after which analyses set no more rates. */
function lastStep({ until }: TimingConfig, { epochs, stepsPerEpoch }: RunLength): number {
  if (until?.epoch !== undefined) return until.epoch * stepsPerEpoch;
  if (until?.share !== undefined) return Math.floor(until.share * epochs * stepsPerEpoch + 1e-9);
  return Number.POSITIVE_INFINITY;
}

function stepsBetween({ every }: TimingConfig, { stepsPerEpoch }: RunLength): number {
  if (typeof every === 'number') return every * stepsPerEpoch;
  const { steps, timesAnEpoch } = every;
  return timesAnEpoch === undefined ? steps : Math.min(steps, Math.max(1, Math.floor(stepsPerEpoch / timesAnEpoch)));
}

/** Whether rates are set after this many steps of the run; after 0, before training, they always are. */
function setsRates(steps: number, timing: TimingConfig, length: RunLength): boolean {
  return steps % stepsBetween(timing, length) === 0 && steps <= lastStep(timing, length);
}

/** Whether rates are set after an epoch (0: before training). */
export const setsRatesAfter = (epoch: number, timing: TimingConfig, length: RunLength): boolean =>
  setsRates(epoch * length.stepsPerEpoch, timing, length);

/** The steps of an epoch (1-based) after which rates are set within it, ascending; its end is not among them. */
export function measurementsWithin(epoch: number, timing: TimingConfig, length: RunLength): number[] {
  const first = (epoch - 1) * length.stepsPerEpoch;
  const inner = Array.from({ length: Math.max(0, length.stepsPerEpoch - 1) }, (_, index) => index + 1);
  return inner.filter((steps) => setsRates(first + steps, timing, length));
}

/** How often rates are set in a run: before training included, after the last step not. */
export function countMeasurements(timing: TimingConfig, length: RunLength): number {
  const last = Math.min(lastStep(timing, length), length.epochs * length.stepsPerEpoch - 1);
  return 1 + Math.floor(last / stepsBetween(timing, length));
}

/** Why the rates of the analysis before training would never change, as far as epochs tell; undefined where they may. */
export function endsTooEarly({ every, until }: TimingConfig, epochs: number): string | undefined {
  if (until === undefined || typeof every !== 'number') return undefined;
  const { share = 1, epoch } = until;
  if (every <= (epoch ?? share * epochs) + 1e-9) return undefined;
  const when = epoch === undefined ? `${share} of ${epochs} epochs` : `epoch ${epoch}`;
  return `${when} comes before the first analysis of the training, after epoch ${every} (balance.every), so the rates would never change`;
}
