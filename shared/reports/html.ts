/** Markup that is safe to insert as it stands. */
export interface Markup {
  readonly markup: string;
}

type Insert = string | number | Markup | null | readonly Insert[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML that shows it, in content and in quoted attributes. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Declares a string to be markup already; only for what this project rendered itself. */
export function trusted(markup: string): Markup {
  return { markup };
}

function insert(value: Insert): string {
  if (value === null) return '';
  if (typeof value === 'object') return 'markup' in value ? value.markup : value.map(insert).join('');
  return escapeHtml(String(value));
}

/** A dotted name that may be broken after its dots. */
export function dotted(name: string): Markup {
  return trusted(name.split('.').map(escapeHtml).join('.<wbr>'));
}

/** A dotted name, and its short form in its place on narrow screens. */
export const dottedOrShort = (name: string, short: string): Markup =>
  name === short
    ? dotted(name)
    : html`<span class="long">${dotted(name)}</span><span class="short" title="${name}">${dotted(short)}</span>`;

/** Template tag: every inserted string is escaped, markup and lists of markup are kept, null is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Insert[]): Markup {
  return trusted(String.raw({ raw: parts }, ...values.map(insert)));
}
