import { html, type Markup, trusted } from './html.ts';
import { STYLE } from './style.ts';

/** A part of a page, with what it shows. */
export interface PageSection {
  /** The section's anchor. */
  readonly name: string;
  readonly title: string;
  /** One sentence for a reader who has never seen such a figure. */
  readonly howToRead: string;
  readonly content: Markup;
}

/** A whole HTML page without scripts or outside resources. */
export function renderPage(page: {
  title: string;
  /** Time of making, as it is to be printed. */
  madeAt: string;
  sections: readonly PageSection[];
  footer: string;
}): string {
  const { title, madeAt, sections, footer } = page;
  return `${
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="soft">Made ${madeAt} by tempbalance</p>
<nav aria-label="Sections"><ul>${sections.map(({ name, title }) => html`<li><a href="#${name}">${title}</a></li>`)}</ul></nav>
</header>
<main>
${sections.map(
  ({ name, title, howToRead, content }) => html`<section id="${name}" aria-labelledby="${name}-title">
<h2 id="${name}-title">${title}</h2>
<p class="how">${howToRead}</p>
${content}
</section>
`,
)}</main>
<footer><p>${footer}</p></footer>
</body>
</html>
`.markup
  }`;
}
