import { html } from './html.js';

/** A dotted name or a path that breaks after a dot or a slash rather than within a word. @param {{ text: string }} props */
export const Breakable = ({ text }) =>
  text.split(/(?<=[./])/).map((part, index) => html`${index > 0 && html`<wbr />`}${part}`);
