import { cssGradient, divergingColors, sequentialColors } from './color-maps.ts';

/** The report's style sheet: light and dark by the reader's setting, light on paper. Series colours after Okabe and Ito. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1a1d21; --soft: #5a626c; --line: #d9dde2; --panel: #f5f6f8; --accent: #0b62a3;
  --series-1: #0072b2; --series-2: #d55e00; --series-3: #00805e; --series-4: #a8518a; --series-5: #5d6670;
  --series-6: #8a6a00; --series-7: #00869c; --series-8: #a3162e; --series-9: #4b3bb0; --series-10: #7a4a1e; --series-rest: #5a626c;
  --series-11: #5f8500; --series-12: #d6358a; --series-13: #24406e; --series-14: #8f5bd6;
  --before: #7a828c; --empty: #dfe2e6; --neutral: #f3f3f1; --slow: #5aa5dc; --fast: #f0a04b;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --ink: #e8eaed; --soft: #a3abb5; --line: #343a41; --panel: #1d2125; --accent: #7cc0f2;
    --series-1: #56b4e9; --series-2: #ff9440; --series-3: #3cc79c; --series-4: #e39acb; --series-5: #b4bcc6;
    --series-6: #dcc244; --series-7: #5fd9e6; --series-8: #ff7f8c; --series-9: #a79bff; --series-10: #cf9f6c; --series-rest: #a3abb5;
    --series-11: #b2e05a; --series-12: #ff78bd; --series-13: #7f9fff; --series-14: #d4b5ff;
    --before: #98a1ab; --empty: #3a4047; --neutral: #2b3035; --slow: #1f6fae; --fast: #b3590a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main, header, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 0 0 .25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; overflow-wrap: anywhere; }
li, dd, summary { overflow-wrap: anywhere; }
p { margin: .4rem 0; max-width: 75ch; overflow-wrap: anywhere; }
section { padding: 1.5rem 0; border-top: 1px solid var(--line); }
section:first-child { border-top: 0; }
nav ul, .legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; padding: 0; margin: .5rem 0; }
a { color: var(--accent); }
.soft, .how, figcaption, caption, .key, footer { color: var(--soft); font-size: .9rem; }
.how { margin-bottom: .8rem; }
.findings { margin: .4rem 0; padding-left: 1.2rem; max-width: 80ch; }
.findings li { margin: .2rem 0; overflow-wrap: anywhere; }
.bare { list-style: none; }
.bare li { text-indent: -1rem; }
.bare .disc { text-indent: 0; }
.callout { background: var(--panel); border-left: 4px solid var(--fast); border-radius: .2rem; padding: .3rem 1rem; margin: .8rem 0; max-width: 82ch; }
.headline { font-size: 1.15rem; font-weight: 600; }
.answers { margin: 0; }
.answers dt { color: var(--soft); font-weight: 600; margin-top: .9rem; }
.answers dd { margin: 0; }
.answers pre, #verdict pre { padding: .45rem .8rem; margin: .3rem 0 .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.legend li { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
figure { margin: .6rem 0; min-width: 0; }
figcaption { overflow-wrap: anywhere; }
.multiples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: .5rem 1.5rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15.5rem), 1fr)); gap: .5rem 1rem; }
.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: .75rem 1.75rem; }
.samples > figure { max-width: 27rem; }
.maps { display: grid; gap: .3rem .5rem; }
.maps > * { min-width: 0; font-size: .8rem; color: var(--soft); }
.maps > .row { grid-column: 1 / -1; margin-top: .35rem; }
.maps .head { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: 0 .5rem; color: var(--ink); }
.maps > .step { text-align: center; }
.maps > .head > .bar { width: 100%; }
.row .bar > span { flex: none; width: 6rem; }
.maps img { display: block; width: 100%; height: auto; background: var(--empty); image-rendering: pixelated; }
.bar { display: inline-flex; align-items: center; gap: .35rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.bar > span { flex: 1; height: .6rem; border: 1px solid var(--line); }
.sequential { background: ${cssGradient(sequentialColors)}; }
.diverging { background: ${cssGradient(divergingColors)}; }
svg { display: block; max-width: 100%; height: auto; }
svg.plot { overflow: visible; color: var(--ink); font-size: 12px; }
svg.plot [aria-label$="grid"] { stroke: var(--line); stroke-opacity: 1; }
.legend svg, th svg, td svg { display: inline; vertical-align: middle; }
.ring, .disc { display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; border: 2px solid var(--before); }
.disc { background: currentColor; border-color: currentColor; }
table { border-collapse: separate; border-spacing: 0; font-size: .875rem; margin: .6rem 0; }
caption { text-align: left; padding-bottom: .25rem; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th:first-child { overflow-wrap: normal; }
thead th:first-child, tbody th:first-child { position: sticky; left: 0; z-index: 1; background: var(--page); }
#runs tbody th { min-width: 9rem; }
#runs thead th { white-space: normal; vertical-align: bottom; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; overflow-wrap: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.whole { white-space: nowrap; }
.short { display: none; }
.whole svg { max-width: none; }
pre { background: var(--panel); border-radius: .4rem; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.45; }
summary { cursor: pointer; margin: .4rem 0; }
code { font-family: ui-monospace, monospace; }
footer { padding-bottom: 2rem; }
@media screen and (max-width: 60rem) { .scroll > svg.plot[width="1080"] { min-width: 44rem; } }
@media screen and (max-width: 40rem) {
  .scroll > svg.plot[width="1080"] { min-width: 54rem; }
  tbody th:first-child { min-width: 6.5rem; max-width: 10.5rem; font-size: .8rem; overflow-wrap: anywhere; }
  #runs tbody th { min-width: 6.5rem; }
  td.text { min-width: 7rem; }
  table:not(.rows), td .soft { font-size: .8rem; }
  th, td { padding-right: .5rem; }
  th .whole svg { zoom: .65; }
  .long { display: none; }
  .short { display: inline; }
  thead th, thead th.number { white-space: normal; min-width: 3.75rem; vertical-align: bottom; }
}
@media screen and (max-width: 30rem) { .multiples .scroll > svg.plot:not([width="1080"]) { min-width: 25rem; } }
@media print {
  html { font-size: 10.5px; }
  body { font-size: 1rem; }
  nav { display: none; }
  main, header, footer { max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  pre { white-space: pre-wrap; }
  table { font-size: .8rem; }
  table:not(.rows), td .soft { font-size: .8rem; }
  th, td { padding-right: .5rem; }
  th .whole svg { zoom: .65; }
  figure, tr, p { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
  h2, h3, .how, .key, .legend, .ramp, figcaption, caption { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
