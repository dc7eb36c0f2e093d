import { html, type Markup, trusted } from './html.ts';

/** A part that scrolls sideways on small screens, also by the arrow keys. */
const scrolling = (name: string, content: Markup): Markup =>
  html`<div class="scroll" tabindex="0" role="group" aria-label="${name}">${content}</div>`;

/** A figure with its caption; wide ones scroll inside it on small screens. */
export function figure(svg: string, caption: string): Markup {
  return html`<figure><figcaption>${caption}</figcaption>${scrolling(`Figure: ${caption}`, trusted(svg))}</figure>`;
}

/** A table with a header row; the first column heads its row. Numeric columns are given by index. */
export function table(
  caption: string,
  header: readonly (string | Markup)[],
  rows: readonly (readonly (string | Markup)[])[],
  numeric: readonly number[] = [],
): Markup {
  const kind = (column: number) => (numeric.includes(column) ? 'number' : 'text');
  return scrolling(
    `Table: ${caption}`,
    html`<table><caption>${caption}</caption>
<thead><tr>${header.map((cell, column) => html`<th scope="col" class="${kind(column)}">${cell}</th>`)}</tr></thead>
<tbody>${rows.map(
      (row) =>
        html`<tr>${row.map((cell, column) =>
          column === 0
            ? html`<th scope="row" class="${kind(column)}">${cell}</th>`
            : html`<td class="${kind(column)}">${cell}</td>`,
        )}</tr>
`,
    )}</tbody></table>`,
  );
}
