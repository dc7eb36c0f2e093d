import type { NextStep } from './answers/next-step.ts';
import { html, type Markup } from './html.ts';

/** Commands to copy, each with what it is for. */
export const stepsList = (steps: readonly NextStep[]): Markup =>
  html`${steps.map(({ why, command }) => html`<p>${why}</p><pre><code>${command}</code></pre>`)}`;
