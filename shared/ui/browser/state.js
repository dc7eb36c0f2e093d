import { html } from './html.js';

/** A state as a word with a mark of its own. @param {{ state: string }} props */
export const State = ({ state }) => html`<span class="state ${state}">${state}</span>`;
