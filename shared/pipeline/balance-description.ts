/** What a run's balance settings come to, in words, and the check of them that needs the length of the run. */
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../core/errors.ts';
import { type BalanceConfig, balanceConfigSchema, targetsOf } from '../schedules/config.ts';
import { coverageOf } from '../schedules/coverage.ts';
import {
  type BalanceDescription,
  describeCoverage,
  describeMethod,
  nothingToCompare,
  unlikeShapes,
} from '../schedules/describe.ts';
import { kindOfModel, withPreset } from '../schedules/presets/registry.ts';
import { countMeasurements } from '../schedules/timing.ts';
import { type TimedRun, timingOf } from './rate-timing.ts';
import type { RunRecord } from './records.ts';
import type { RunModel } from './run-model.ts';

/** How much of a run's model is balanced, and when its rates are set; undefined where balancing is off. */
export function describeBalance(model: RunModel, settings: TimedRun): BalanceDescription | undefined {
  const { balance: config } = settings.config;
  if (config === 'off') return undefined;
  const { length } = timingOf(settings);
  const coverage = coverageOf(model, config);
  const count = countMeasurements(config, length);
  const steps = length.epochs * length.stepsPerEpoch;
  const times =
    count === 1
      ? `once, before the first of ${steps} steps`
      : `${count} times in ${steps} steps, first before training`;
  const moves = config.rampSteps > 0 ? `; they move over ${config.rampSteps} steps` : '';
  return {
    method: describeMethod(config),
    covered: describeCoverage(coverage, config),
    timing: `set ${times}${moves}`,
    notes: [
      ...nothingToCompare(coverage, config),
      ...(neverChanges(settings)
        ? [
            'balance.until comes before the first analysis of the training: rates are set once, by the weights as they come',
          ]
        : []),
      ...(config.rampSteps > steps
        ? [`the ramp of ${config.rampSteps} steps is longer than the run, which has ${steps}`]
        : []),
      ...unlikeShapes(coverage, config),
      ...(config.weightDecayAssignment && targetsOf(config).length > 1
        ? ['the weight decay has factors of its own; tables and pictures have those of the learning rate']
        : []),
    ],
  };
}

/** Method and coverage, for a view of the run. */
export const inOneLine = ({ method, covered }: BalanceDescription): string => `${method}; ${covered}`;

/** Whether the rates never change after the first step, and would without `until`. */
function neverChanges(settings: TimedRun): boolean {
  const { timing, length } = timingOf(settings);
  if (timing?.until === undefined || countMeasurements(timing, length) > 1) return false;
  return countMeasurements({ every: timing.every }, length) > 1;
}

/**
 * Checks that `until` leaves room for an analysis after training has begun. A preset's own times are let pass: a short run takes them
 * as published, and `describeBalance` has a note on it.
 * @throws UserError when it does not
 */
export function refuseUnchangingRates(settings: TimedRun): void {
  const { balance: config, model } = settings.config;
  if (config === 'off' || !neverChanges(settings) || hasTimesOfPreset(config, model)) return;
  const { epochs, stepsPerEpoch } = timingOf(settings).length;
  throw new UserError(
    `comes before the first analysis of the training, which has ${epochs * stepsPerEpoch} steps, so the rates would never change`,
    { where: 'balance.until', remedy: 'Make balance.every smaller, or let balance.until come later.' },
  );
}

/** Whether `every` and `until` are the preset's own, and were not set beside it. */
function hasTimesOfPreset({ preset, every, until }: BalanceConfig, { family }: RunRecord['config']['model']): boolean {
  const own = balanceConfigSchema.parse(withPreset({ preset }, kindOfModel(family)));
  return preset !== undefined && isDeepStrictEqual([own.every, own.until], [every, until]);
}
