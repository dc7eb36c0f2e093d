import type { View } from './view.ts';

/** A view that prints one JSON event a line. */
export function jsonView(): View {
  return {
    show: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
    close: () => undefined,
  };
}
