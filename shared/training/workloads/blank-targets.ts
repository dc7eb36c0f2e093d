/** Finds fields of zeros, which some metrics divide by, and fields that never change, before anything is trained. */
import { UserError } from '../../core/errors.ts';
import { type BlankFields, findBlankFields } from '../../datasets/blank-fields.ts';
import { listNames } from '../../datasets/text/labels.ts';
import { listRows } from '../../datasets/text/text-rows.ts';
import type { Trajectories } from '../../datasets/trajectories.ts';
import type { Metric } from '../metrics/metric.ts';
import { metrics } from '../metrics/registry.ts';

/** Single fields that a message names. */
const mostNamed = 5;

/**
 * Looks for targets that a metric divides by and that are zero in the data that models are judged by, and for rows and channels that
 * never change.
 * @param options.data all samples
 * @param options.judged those that models are judged by
 * @param options.kind what these are, in words
 * @param options.metric the one that decides which epoch is best; absent: none does
 * @param options.path of the data, for messages
 * @returns what the user should know
 * @throws UserError when the deciding metric could never be a finite number, naming rows and channels, or means nothing on the grid
 */
export async function checkTargets(options: {
  readonly data: Trajectories;
  readonly judged: Trajectories;
  readonly window: number;
  readonly metric?: string | undefined;
  readonly path?: string | undefined;
  readonly kind?: 'validation' | 'test';
}): Promise<string[]> {
  const { data, judged, window, metric: deciding, path, kind = 'validation' } = options;
  const constants = (fields: BlankFields) =>
    constantWarnings(data, fields).map((warning) => (kind === 'test' ? `test data: ${warning}` : warning));
  refuseInapplicable(deciding, data);
  const blank = await findBlankFields(data, window);
  const held = new Set(judged.rows);
  const dividing = Object.values<Metric>(metrics).filter(({ dividesByTarget }) => dividesByTarget);
  const isJudgedByZero = blank.zero.some(({ sample }) => held.has(data.rows[sample]!));
  if (!isJudgedByZero || dividing.length === 0) return constants(blank);
  const names = dividing.map(({ name }) => name);
  const found = zeroTargets(data, window, blank);
  const listed = describe(found, data).map((line) => `\n    ${line}`);
  const what = (name: string) =>
    `${name} divides by the norm of each target, and some of the ${kind} data are zero, so that no epoch has a finite ${name}${kind === 'test' ? ' on them' : ''}. Zero are:${listed.join('')}`;
  if (deciding !== undefined && names.includes(deciding)) {
    throw new UserError(what(deciding), { where: path ?? 'dataset', remedy: remedyFor(found) });
  }
  return [
    what(listNames(names)),
    ...constants({ ...blank, constant: blank.constant.filter(({ value }) => value !== 0) }),
  ];
}

/** @throws UserError when a metric means nothing on the grid. */
function refuseInapplicable(name: string | undefined, { shape }: Trajectories): void {
  const space = shape.slice(1, -2);
  const metric = Object.values<Metric>(metrics).find((each) => each.name === name);
  if (metric?.applies?.(space, {}) ?? true) return;
  throw new UserError(`is not measured on a grid of ${space.join(' x ')} points, which has no ${metric!.describe}`, {
    where: 'convergence.metric',
    remedy: 'Choose another one, e.g. nRMSE or RMSE.',
  });
}

/** Where targets are zero: whole channels, then whole rows, then one by one. */
interface ZeroTargets {
  readonly channels: readonly string[];
  readonly rows: readonly number[];
  /** Single fields; `when` has their steps in words. */
  readonly others: readonly { readonly row: number; readonly channel: string; readonly when: string }[];
}

function zeroTargets(data: Trajectories, window: number, { zero }: BlankFields): ZeroTargets {
  const steps = data.shape.at(-2)! - window;
  const whole = zero.filter(({ count }) => count === steps);
  const { channels, rows, rest } = grouped(data, whole);
  const others = [...rest, ...zero.filter(({ count }) => count < steps)]
    .toSorted((a, b) => a.sample - b.sample || a.channel - b.channel)
    .map(({ sample, channel, first, last, count }) => {
      const [from, to] = [first - window + 1, last - window + 1];
      const some = count < to - from + 1 ? `${count} of ` : '';
      const at = from === to ? `step ${from}` : `steps ${from} to ${to}`;
      const when = count === steps ? 'throughout' : `at ${some}predicted ${at}`;
      return { row: data.rows[sample]!, channel: data.channels[channel]!, when };
    });
  return { channels, rows, others };
}

function describe({ channels, rows, others }: ZeroTargets, { channels: all }: Trajectories): string[] {
  return [
    ...channels.map((name) => `channel ${name} of every sample`),
    ...(rows.length > 0 ? [`sample ${listRows('row', rows)}${all.length > 1 ? ', every channel' : ''}`] : []),
    ...others.slice(0, mostNamed).map(({ row, channel, when }) => `sample row ${row}, channel ${channel}, ${when}`),
    ...(others.length > mostNamed ? [`and ${others.length - mostNamed} more`] : []),
  ];
}

/** The advice for targets of zeros. */
function remedyFor({ channels, rows }: ZeroTargets): string {
  return [
    ...(channels.length > 0 ? ['Leave the channel out: name the others in `dataset.channels`.'] : []),
    ...(rows.length > 0
      ? ['If rows were never written, write them or leave them out (`dataset.samples: N` takes the first N).']
      : []),
    'If the fields are rightly zero, choose `convergence.metric: RMSE`, which divides by nothing.',
  ].join(' ');
}

/** Rows and channels that hold one number throughout. */
function constantWarnings(data: Trajectories, { constant }: BlankFields): string[] {
  const { channels, rows } = grouped(data, constant);
  return [
    ...(channels.length > 0
      ? [
          `channel${channels.length === 1 ? '' : 's'} ${listNames(channels)} never change${channels.length === 1 ? 's' : ''} in any sample`,
        ]
      : []),
    ...(rows.length > 0
      ? [
          `sample ${listRows('row', rows)} hold${rows.length === 1 ? 's' : ''} the same number everywhere; never written to the file?`,
        ]
      : []),
  ];
}

/** Fields as channels of which every sample is among them, rows of which every other channel is, and the rest. */
function grouped<Field extends { readonly sample: number; readonly channel: number }>(
  data: Trajectories,
  fields: readonly Field[],
): { channels: string[]; rows: number[]; rest: Field[] } {
  const count = (of: (field: Field) => number, among: readonly Field[]) => {
    const counts = new Map<number, number>();
    for (const field of among) counts.set(of(field), (counts.get(of(field)) ?? 0) + 1);
    return counts;
  };
  const samples = data.shape[0]!;
  const byChannel = count(({ channel }) => channel, fields);
  const whole = new Set([...byChannel].filter(([, found]) => found === samples).map(([channel]) => channel));
  const others = fields.filter(({ channel }) => !whole.has(channel));
  const bySample = count(({ sample }) => sample, others);
  const left = data.channels.length - whole.size;
  const rows = new Set([...bySample].filter(([, found]) => found === left).map(([sample]) => sample));
  return {
    channels: [...whole].toSorted((a, b) => a - b).map((channel) => data.channels[channel]!),
    rows: [...rows].toSorted((a, b) => a - b).map((sample) => data.rows[sample]!),
    rest: others.filter(({ sample }) => !rows.has(sample)),
  };
}
