import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';

/** A bar on standard error that is redrawn in place; draws nothing where that is not a terminal. */
export function progressBar(terminal = process.stderr.isTTY === true): {
  show(share: number, text: string): void;
  close(): void;
} {
  if (!terminal) return { show: () => undefined, close: () => undefined };
  const update = createLogUpdate(process.stderr);
  return {
    show(share, text) {
      const filled = Math.min(width, Math.max(0, Math.round(share * width)));
      const done = styleText('cyan', '█'.repeat(filled), { stream: process.stderr });
      const open = styleText('dim', '░'.repeat(width - filled), { stream: process.stderr });
      update(`${done}${open} ${String(Math.floor(100 * share)).padStart(3)} %  ${text}`);
    },
    close: () => update.clear(),
  };
}

const width = 24;
