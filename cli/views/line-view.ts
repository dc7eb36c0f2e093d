import type { ProgressEvent } from '../../shared/pipeline/context.ts';
import { formatDuration, formatNumber } from '../../shared/reports/format.ts';
import type { View } from './view.ts';

/** What an event says in a line; undefined when it says nothing worth one. */
export function describeEvent(event: ProgressEvent): string | undefined {
  switch (event.type) {
    case 'prepared':
      return [
        event.epoch === 0
          ? `${event.run}: ${event.epochs} epoch${event.epochs === 1 ? '' : 's'} to train`
          : `${event.run}: goes on after epoch ${event.epoch} of ${event.epochs}`,
        ...(event.balanced === undefined ? [] : [event.balanced]),
      ].join('\n');
    case 'epoch':
      return [
        `epoch ${String(event.epoch).padStart(String(event.epochs).length)}/${event.epochs}`,
        event.trainLoss === null ? 'before training' : `loss ${formatNumber(event.trainLoss)}`,
        `${event.metric.name} ${formatNumber(event.metric.value)}${event.best?.epoch === event.epoch ? ' (best)' : ''}`,
        event.alphaMean === null ? '' : `alpha ${formatNumber(event.alphaMean)} ± ${formatNumber(event.alphaStd)}`,
        event.secondsLeft === null ? '' : `${formatDuration(event.secondsLeft)} left`,
      ]
        .filter(Boolean)
        .join('  ');
    case 'tested':
      return `on test data, epoch ${event.epoch}: ${event.metric.name} ${formatNumber(event.metric.value)}`;
    case 'retry':
      return `${event.state} failed and is tried again`;
    case 'warning':
      return `note: ${event.message}`;
    case 'finished':
      return event.outcome === 'failed' ? undefined : `${event.run}: ${event.outcome}, ${event.reason}`;
    default:
      return undefined;
  }
}

/** Plain lines: for logs and pipes. */
export function lineView(): View {
  return {
    show(event) {
      const line = describeEvent(event);
      if (line) process.stdout.write(`${line}\n`);
    },
    close: () => undefined,
  };
}
