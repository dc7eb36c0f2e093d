/** What the page is made of: an HTML frame, a style sheet, modules of ours, and the libraries that they import. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { cssGradient, sequentialColors } from '../reports/color-maps.ts';
import { html, trusted } from '../reports/html.ts';
import { STYLE } from '../reports/style.ts';

/** Bare names in our modules, and the files that stand for them. */
const libraries = { preact: 'preact.mjs', 'preact/hooks': 'hooks.mjs', htm: 'htm.mjs' } as const;

/** Modules of `browser/`. */
const modules = [
  'app.js',
  'breakable.js',
  'comparison.js',
  'curves.js',
  'fetched.js',
  'format.js',
  'heat-map.js',
  'html.js',
  'line-chart.js',
  'list.js',
  'rows.js',
  'run.js',
  'scale.js',
  'state.js',
  'table.js',
  'width.js',
] as const;

const importMap = JSON.stringify({
  imports: Object.fromEntries(Object.entries(libraries).map(([name, file]) => [name, `./app/${file}`])),
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('base64');

/**
 * Scripts and styles of our own alone, nothing from elsewhere, no frames. Attributes may hold styles: figures in the style of the
 * reports have them.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${sha256(importMap)}'`,
  "style-src 'self'",
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The frame of the page; `label` says what is listed. */
export const frame = (label: string): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${label} – tempbalance</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="app/style.css">
<script type="importmap">${trusted(importMap)}</script>
<script type="module" src="app/app.js"></script>
</head>
<body data-label="${label}" data-colors="${sequentialColors.map((color) => color.join(',')).join(' ')}">
<div id="app"><p class="loading">Reading ${label} …</p></div>
<noscript><p>This page needs JavaScript. The same is told by npx tempbalance runs.</p></noscript>
</body>
</html>
`.markup;

/** A file that the page asks for by its name; undefined where there is none of that name. */
export async function asset(name: string): Promise<{ type: string; bytes: Uint8Array } | undefined> {
  if (name === 'style.css') {
    const own = await readFile(new URL('./browser/style.css', import.meta.url), 'utf8');
    const ramp = `.viridis { background: ${cssGradient(sequentialColors)}; }\n`;
    return { type: 'text/css; charset=utf-8', bytes: new TextEncoder().encode(`${STYLE}${ramp}${own}`) };
  }
  const path = pathOf(name);
  if (path === undefined) return undefined;
  return { type: 'text/javascript; charset=utf-8', bytes: await readFile(path) };
}

function pathOf(name: string): string | undefined {
  const library = Object.entries(libraries).find(([, file]) => file === name)?.[0];
  if (library !== undefined) return fileURLToPath(import.meta.resolve(library));
  return modules.some((each) => each === name)
    ? fileURLToPath(new URL(`./browser/${name}`, import.meta.url))
    : undefined;
}
