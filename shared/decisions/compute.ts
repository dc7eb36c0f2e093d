/** Where a deployed run trains, and where it goes on after a job failed. */
import { z } from 'zod';

export const targets = ['gpu', 'cpu'] as const;
export type Target = (typeof targets)[number];

export const markets = ['spot', 'onDemand'] as const;
export type Market = (typeof markets)[number];

const targetSetting = z.enum(['auto', ...targets]);

const machinesSchema = z
  .strictObject({
    target: targetSetting
      .default('auto')
      .describe(
        'The kind of machine that trains. auto: a GPU for models of at least ten million parameters or 1e11 operations a step, else CPUs.',
      ),
    spot: z
      .boolean()
      .default(true)
      .describe(
        'Whether the run trains on Spot instances. It changes to on-demand instances after two interruptions, after two unexplained failures of an epoch, or when no Spot instance is available.',
      ),
    epochsPerTask: z
      .union([z.literal('auto'), z.int().positive()])
      .default('auto')
      .describe(
        'Epochs that a container trains before it ends. The results do not depend on it. auto: as many as needed so that the start takes at most a tenth of its time, for half an hour at most. On this machine nothing has to be started: auto is 1.',
      ),
  })
  .describe('Machines of a deployed run. On this machine, only epochsPerTask has an effect.');
export type ComputeConfig = z.output<typeof machinesSchema>;

/** `compute: gpu` is short for `compute: { target: gpu }`. */
export const computeSchema = z
  .union([targetSetting.transform((target) => machinesSchema.parse({ target })), machinesSchema])
  .describe(
    'Machines of a deployed run: only a target (`compute: gpu`), or more settings. On this machine, only epochsPerTask has an effect.',
  );

const gpuParameters = 1e7;
const gpuStepFlops = 1e11;

/** What the setting says; `auto` takes a GPU where an optimizer step would keep CPU cores busy for seconds. */
export function chooseTarget(
  setting: ComputeConfig['target'],
  { parameters, stepFlops }: { parameters: number; stepFlops: number },
): Target {
  if (setting !== 'auto') return setting;
  return parameters >= gpuParameters || stepFlops >= gpuStepFlops ? 'gpu' : 'cpu';
}

/**
 * Why a job left no result: its machine was taken away, none was to be had, something else failed that may pass, it ran for a
 * day without an end, or it ended and nobody says why.
 */
export type JobFailure = 'interruption' | 'waiting' | 'passing' | 'hang' | 'unexplained';

/** Counts of the jobs that left no result. */
export interface Tries {
  readonly market: Market;
  /** Spot instances taken away, in this execution. */
  readonly interruptions: number;
  /** Other failures at this epoch. */
  readonly failures: number;
}

const interruptionsOnSpot = 2;
const mostFailures = 3;
/** From this failure at an epoch on, one without an explanation is put down to Spot. */
const unexplainedOnSpot = 2;

/** Jobs that an epoch may take: interrupted ones, one that waited in vain, those that failed otherwise, one that succeeds. */
export const mostTries = interruptionsOnSpot + 1 + mostFailures + 1;

/** How to try again after a failure; undefined when it has been tried often enough. */
export function triesAfter(failure: JobFailure, { market, interruptions, failures }: Tries): Tries | undefined {
  if (failure === 'waiting') return market === 'spot' ? { market: 'onDemand', interruptions, failures } : undefined;
  if (market === 'spot' && failure === 'interruption') {
    const count = interruptions + 1;
    return { market: count < interruptionsOnSpot ? 'spot' : 'onDemand', interruptions: count, failures };
  }
  // A hang costs a day.
  if (failures >= (failure === 'hang' ? 1 : mostFailures)) return undefined;
  const isSuspect = failure === 'unexplained' && failures + 1 >= unexplainedOnSpot;
  return { market: isSuspect ? 'onDemand' : market, interruptions, failures: failures + 1 };
}
