import { jsonView } from './json-view.ts';
import { lineView } from './line-view.ts';
import { liveView } from './live-view.ts';
import type { View } from './view.ts';

/** JSON lines when asked for, a live picture on a terminal, plain lines elsewhere. */
export function chooseView(options: { json: boolean; terminal: boolean }): View {
  if (options.json) return jsonView();
  return options.terminal ? liveView() : lineView();
}
