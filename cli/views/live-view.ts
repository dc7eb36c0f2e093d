import { styleText } from 'node:util';
import logUpdate from 'log-update';
import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { formatDuration, formatNumber } from '../../shared/reports/format.ts';
import { describeEvent } from './line-view.ts';
import type { View } from './view.ts';

type EpochEvent = Extract<ProgressEvent, { type: 'epoch' }>;
type StepEvent = Extract<ProgressEvent, { type: 'step' }>;

/** The state that the live view is drawn from. */
export interface LiveState {
  readonly state: string;
  readonly step: StepEvent | undefined;
  readonly epoch: EpochEvent | undefined;
}

const colour = (format: Parameters<typeof styleText>[0], text: string) =>
  styleText(format, text, { stream: process.stdout });

function bar(done: number, of: number, width = 24): string {
  const filled = Math.min(width, Math.round((done / Math.max(of, 1)) * width));
  return `${colour('cyan', '█'.repeat(filled))}${colour('dim', '░'.repeat(width - filled))}`;
}

/** The picture: state and epoch, the running step, and the last epoch's numbers. */
function drawLive({ state, step, epoch }: LiveState): string {
  const total = epoch?.epochs ?? 0;
  const trained = epoch?.epoch ?? 0;
  const within = step && step.epoch > trained ? step.step / step.steps : 0;
  const left = epoch?.secondsLeft == null ? '' : `${formatDuration(epoch.secondsLeft)} left`;
  const lines = [
    `${colour('bold', state.padEnd(12))} ${bar(trained + within, total)} epoch ${trained}/${total || '?'}  ${left}`,
  ];
  if (step) lines.push(`  step    ${step.step}/${step.steps} of epoch ${step.epoch}, loss ${formatNumber(step.loss)}`);
  if (epoch) {
    const { metric, best } = epoch;
    lines.push(
      `  ${metric.name.padEnd(7)} ${formatNumber(metric.value)}, best ${formatNumber(best?.value ?? null)} at epoch ${best?.epoch ?? '-'}`,
      `  alpha   ${formatNumber(epoch.alphaMean)} mean, ${formatNumber(epoch.alphaStd)} spread over layers`,
    );
  }
  return lines.join('\n');
}

/** A picture redrawn in place, with the epochs that are done as lines above it. */
export function liveView(): View {
  let live: LiveState = { state: 'Starting', step: undefined, epoch: undefined };
  return {
    show(event) {
      if (event.type === 'state') live = { ...live, state: event.state };
      else if (event.type === 'step') live = { ...live, step: event };
      else {
        if (event.type === 'epoch') live = { ...live, epoch: event, step: undefined };
        const line = describeEvent(event);
        if (line) {
          logUpdate.clear();
          process.stdout.write(`${event.type === 'warning' ? colour('yellow', line) : line}\n`);
        }
      }
      if (event.type !== 'finished') logUpdate(drawLive(live));
    },
    close() {
      logUpdate.clear();
      logUpdate.done();
    },
  };
}
