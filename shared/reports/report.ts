import { html, trusted } from './html.ts';
import type { ReportInput } from './report-input.ts';
import { SECTIONS } from './sections/registry.ts';
import { STYLE } from './style.ts';

/**
 * The report as one HTML page without scripts or outside resources. Sections that have nothing to show are left out.
 */
export function renderReport(input: ReportInput): string {
  const shown = SECTIONS.flatMap((section) => {
    const content = section.render(input);
    return content ? [{ ...section, content }] : [];
  });
  return `${
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${input.title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<header>
<h1>${input.title}</h1>
<p class="soft">Made ${input.madeAt} by tempbalance</p>
<nav aria-label="Sections"><ul>${shown.map(({ name, title }) => html`<li><a href="#${name}">${title}</a></li>`)}</ul></nav>
</header>
<main>
${shown.map(
  ({ name, title, howToRead, content }) => html`<section id="${name}" aria-labelledby="${name}-title">
<h2 id="${name}-title">${title}</h2>
<p class="how">${howToRead}</p>
${content}
</section>
`,
)}</main>
<footer><p>Alpha, its fits and the multipliers follow TempBalance (Liu et al., EMNLP 2024, arXiv 2410.12178; Zhou et al., NeurIPS 2023).</p></footer>
</body>
</html>
`.markup
  }`;
}
