/** A comparison's settings with all that follows from its files: the whole settings of every arm, and those of each run. */
import type { ComparisonDesign, RunPlan, Tried } from '../decisions/comparison/design.ts';
import { isNumeric } from '../decisions/comparison/grid.ts';
import { directionOf } from '../training/metrics/names.ts';
import type { CompareFile } from './compare-file.ts';
import { type Override, overrideSettings } from './parse-run-file.ts';
import type { RunConfig } from './run-file.ts';

/** An arm with its settings. */
export interface ComparedArm {
  readonly name: string;
  /** The arm's changes of the run file in words, e.g. `balance: off`. */
  readonly changes: readonly string[];
  readonly config: RunConfig;
}

/** What a comparison does, whole: nothing of it depends on files that may change. */
export interface ComparisonSettings
  extends Pick<CompareFile, 'reference' | 'epoch' | 'smallestEffect' | 'budget' | 'parallel' | 'threads' | 'keep'> {
  readonly name: string;
  /** The compare file. */
  readonly source: string;
  /** The run file, as the compare file names it; null where it stands within. */
  readonly runFile: string | null;
  /** The changes of the run file that all arms have. */
  readonly changes: readonly string[];
  /** What was set on the command line, as `--set` takes it; it is in `changes` too. */
  readonly overrides: readonly string[];
  readonly arms: readonly ComparedArm[];
  readonly tuned: ComparisonDesign['tuned'];
  readonly seeds: ComparisonDesign['seeds'];
  readonly sizes: ComparisonDesign['sizes'];
}

/** The settings without a control, to find the arm that a control is of. */
const withoutControl = ({ balance, ...config }: RunConfig): string => {
  if (balance === 'off') return JSON.stringify({ balance, ...config });
  const { control: _, ...others } = balance;
  return JSON.stringify({ balance: others, ...config });
};

const isControl = ({ balance }: RunConfig): boolean => balance !== 'off' && balance.control !== undefined;

/** The design of a comparison: arms, sizes, seeds and values, by which decisions are made. */
export function designOf(settings: ComparisonSettings): ComparisonDesign {
  const { arms, reference, sizes, tuned, seeds, epoch, smallestEffect } = settings;
  const { metric, direction } = arms[0]!.config.convergence;
  const controls = arms.filter(({ config }) => isControl(config));
  return {
    arms: arms.map(({ name, changes, config }) => ({
      name,
      changes,
      isControl: isControl(config),
      controls: isControl(config)
        ? []
        : controls
            .filter((control) => withoutControl(control.config) === withoutControl(config))
            .map((each) => each.name),
    })),
    reference,
    sizes,
    tuned,
    seeds,
    metric: { name: metric, direction },
    unit: directionOf(metric) === 'higher' ? 'points' : 'percent',
    epoch,
    smallestEffect,
  };
}

/** How many values the grid of a size has at most: both its ends may be extended in one round. */
export const mostValues = ({ values, extensions }: NonNullable<ComparisonDesign['tuned']>): number =>
  values.length + (isNumeric(values) ? 2 * extensions : 0);

/** A value as a part of a name. */
const named = (value: Tried) => String(value).replace(/[^A-Za-z0-9._-]/g, '_');

/** The name of a run, which says all that tells it from the comparison's others: `tuning-plain-16-0.001-101`. */
export function runNameOf({ purpose, arm, size, tried, seed }: RunPlan): string {
  const parts = [purpose, arm, ...(size === null ? [] : [size]), ...(tried === null ? [] : [named(tried)]), seed];
  return parts.join('-');
}

/** The value of a setting as an override of settings that are complete. */
const override = (key: string, value: unknown): Override => ({
  path: key.split('.'),
  value,
  text: `${key}=${JSON.stringify(value)}`,
});

/** How many rows are held out for validation; undefined where that is a share of the rows, and 0 where they have a file of their own. */
export function validationRows({ dataset, training }: RunConfig): number | undefined {
  if ('validationPath' in dataset && dataset.validationPath !== undefined) return 0;
  return training.validation < 1 ? undefined : training.validation;
}

/** An arm's settings at a size and with a value of what is tuned; null: as they are. */
export function atSize(
  config: RunConfig,
  { tuned, source }: Pick<ComparisonSettings, 'tuned' | 'source'>,
  { size, tried }: Pick<RunPlan, 'size' | 'tried'>,
): RunConfig {
  const overrides = [
    ...(tried === null || !tuned ? [] : [override(tuned.key, tried)]),
    ...(size === null ? [] : [override('dataset.samples', size + (validationRows(config) ?? 0))]),
  ];
  return overrideSettings(config, overrides, { label: source });
}

/**
 * The settings of a run of a comparison. It trains all its epochs in one task, and keeps one epoch's weights besides the best.
 * @param folder that the comparison's runs lie in
 */
export function runConfigOf(settings: ComparisonSettings, plan: RunPlan, folder: string): RunConfig {
  const { config } = settings.arms.find(({ name }) => name === plan.arm)!;
  const ofRun = [
    override('training.seed', plan.seed),
    // The rows stay out of training in any case.
    override('dataset.test.evaluate', plan.purpose === 'test'),
  ];
  const label = `${settings.name}, ${runNameOf(plan)}`;
  const changed = overrideSettings(atSize(config, settings, plan), ofRun, { label });
  const { epochsPerTask } = changed.compute;
  return {
    ...changed,
    compute: {
      ...changed.compute,
      epochsPerTask: epochsPerTask === 'auto' ? changed.training.epochs + 1 : epochsPerTask,
    },
    output: { ...changed.output, folder, name: runNameOf(plan), keep: 1 },
  };
}
