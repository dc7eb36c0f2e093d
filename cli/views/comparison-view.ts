/** Shows what happens in a comparison: a line for each run, with how many there are and how long they will take. */
import type { ComparisonSettings } from '../../shared/config/comparison.ts';
import type { ComparisonEvent } from '../../shared/pipeline/comparison/context.ts';
import { formatCount, formatDuration, formatNumber } from '../../shared/reports/format.ts';
import { print } from '../command.ts';

type RunEvent = Extract<ComparisonEvent, { type: 'run' }>;

export interface ComparisonView {
  show(event: ComparisonEvent): void;
}

/**
 * @param options.counts runs that are expected, unless values are extended
 * @param options.now a clock in milliseconds
 */
export function comparisonView({
  json,
  settings,
  counts,
  now = () => performance.now(),
  write = print,
}: {
  json: boolean;
  settings: Pick<ComparisonSettings, 'arms' | 'sizes' | 'tuned' | 'name'>;
  counts: { tuning: number; test: number };
  now?: () => number;
  write?: (line: string) => void;
}): ComparisonView {
  if (json) return { show: (event) => write(JSON.stringify(event)) };
  const began = now();
  let expected = counts.tuning + counts.test;
  let finished = 0;
  let done = 0;
  const left = (): string => {
    const each = (now() - began) / 1000 / done;
    const seconds = each * Math.max(0, expected - finished);
    return done > 2 && seconds > 20 ? `  ${formatDuration(seconds)} left` : '';
  };
  return {
    show(event) {
      switch (event.type) {
        case 'round':
          finished = event.finished;
          if (event.round === 'tuning') expected = event.finished + event.runs + counts.test;
          else expected = event.finished + event.runs;
          if (done === 0) write(opening(settings, counts, event.finished));
          write(describeRound(event, settings.tuned?.key));
          break;
        case 'run':
          finished += 1;
          done += 1;
          write(`${String(finished).padStart(String(expected).length)}/${expected}  ${describeRun(event)}${left()}`);
          break;
        case 'warning':
          write(`note: ${event.message}`);
          break;
        default:
      }
    },
  };
}

function opening(
  { name, arms, sizes }: Pick<ComparisonSettings, 'name' | 'arms' | 'sizes'>,
  counts: { tuning: number; test: number },
  finished: number,
): string {
  const parts = [
    formatCount(arms.length, 'arm'),
    ...(sizes.length > 1 ? [formatCount(sizes.length, 'size')] : []),
    ...(counts.tuning > 0 ? [`${formatCount(counts.tuning, 'run')} to tune`] : []),
    `${formatCount(counts.test, 'run')} that count`,
  ];
  return `${name}: ${parts.join(', ')}${finished > 0 ? `; ${finished} done before` : ''}`;
}

function describeRound({ round, runs }: Extract<ComparisonEvent, { type: 'round' }>, key: string | undefined): string {
  if (round === 'judge') return '\njudging';
  return round === 'tuning' ? `\ntuning ${key}: ${formatCount(runs, 'run')}` : `\ntest: ${formatCount(runs, 'run')}`;
}

/** `plain, 16 rows, 0.001, seed 101: nRMSE 0.03121 (4.1 s)` */
function describeRun({ result, metric }: RunEvent): string {
  const { arm, size, tried, seed, status, reason, value, seconds } = result;
  const which = [
    arm,
    ...(size === null ? [] : [`${size} rows`]),
    ...(tried === null ? [] : [String(tried)]),
    `seed ${seed}`,
  ];
  const ended = status === 'done' ? '' : `  ${status}: ${reason.split('\n')[0]}`;
  const told = value === null ? '' : `  ${metric} ${formatNumber(value)}`;
  return `${which.join(', ')}${told}${seconds > 0 ? `  ${formatDuration(seconds)}` : ''}${ended}`;
}
