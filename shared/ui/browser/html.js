import htm from 'htm';
import { h } from 'preact';

/** Markup as Preact's elements. @type {(parts: TemplateStringsArray, ...values: any[]) => any} */
export const html = /** @type {any} */ (htm).bind(h);
