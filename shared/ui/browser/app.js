/**
 * The page: one list, followed live, and a page for each run and comparison of it.
 * @import { ComparisonLine, Listing, ListingChange, RunLine } from '../listing.ts'
 */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Comparison } from './comparison.js';
import { Curves } from './curves.js';
import { html } from './html.js';
import { firstView, List } from './list.js';
import { comparisonOf, updated } from './rows.js';
import { Run } from './run.js';

const label = document.body.dataset.label ?? '';

/** @typedef {{ kind: 'list' } | { kind: 'run' | 'comparison', id: string } | { kind: 'curves', ids: string[] }} Route */

/** What the part of the address behind `#` asks for. @returns {Route} */
function routeOf() {
  const [, kind, given = ''] = /^#(run|comparison|curves)=(.+)$/.exec(location.hash) ?? [];
  if (kind === 'curves') return { kind, ids: given.split(',').map(decodeURIComponent) };
  if (kind === 'run' || kind === 'comparison') return { kind, id: decodeURIComponent(given) };
  return { kind: 'list' };
}

/** The route, as it changes. @returns {Route} */
function useRoute() {
  const [route, setRoute] = useState(routeOf);
  useEffect(() => {
    const follow = () => setRoute(routeOf());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}

const unreachable = 'The server is not there: the command may have ended. What is shown is as it was then.';
const ended = 'The command that serves this page has ended. If it runs again, open the address that it printed.';

/** Whether the tab is in view. A browser allows six open streams to a server, of all its tabs together: others leave theirs to it. */
function useSeen() {
  const [isSeen, setSeen] = useState(!document.hidden);
  useEffect(() => {
    const follow = () => setSeen(!document.hidden);
    document.addEventListener('visibilitychange', follow);
    return () => document.removeEventListener('visibilitychange', follow);
  }, []);
  return isSeen;
}

/** The list as it is told by the server, and whether the server is there. */
function useListing() {
  const [listing, setListing] = useState(/** @type {Listing | null} */ (null));
  const [trouble, setTrouble] = useState('');
  const isSeen = useSeen();
  useEffect(() => {
    if (!isSeen) return undefined;
    const source = new EventSource('events');
    /** @param {string} type @param {(event: any) => void} heard */
    const on = (type, heard) =>
      source.addEventListener(type, (event) => heard(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    on('listing', (/** @type {{ listing: Listing }} */ event) => {
      setListing(event.listing);
      setTrouble('');
    });
    on('change', (/** @type {{ change: ListingChange }} */ { change }) => {
      setTrouble('');
      setListing(
        (before) =>
          before && {
            runs: updated(before.runs, change.runs, change.gone),
            comparisons: updated(before.comparisons, change.comparisons, change.gone),
            notes: change.notes,
          },
      );
    });
    on('trouble', ({ message }) => setTrouble(message));
    source.onerror = () => setTrouble(source.readyState === EventSource.CLOSED ? ended : unreachable);
    return () => source.close();
  }, [isSeen]);
  return { listing, trouble };
}

function App() {
  const { listing, trouble } = useListing();
  const [view, setView] = useState(firstView);
  const route = useRoute();
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  const isFirst = useRef(true);
  const title = titleOf(route);
  useEffect(() => {
    document.title = `${title === label ? '' : `${title} – `}${label} – tempbalance`;
    if (!isFirst.current) {
      heading.current?.focus();
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [title]);
  const comparison =
    route.kind === 'run' ? listing?.comparisons.find(({ id }) => id === comparisonOf(route)) : undefined;
  const running = listing?.runs.filter(({ state }) => state === 'running').length ?? 0;
  return html`
    <header>
      ${route.kind !== 'list' && html`<nav aria-label="Back"><a href="#">← All runs of ${label}</a>${comparison && html`<a href=${`#comparison=${encodeURIComponent(comparison.id)}`}>← Comparison ${comparison.name}</a>`}</nav>`}
      <h1 ref=${heading} tabindex="-1">${title}</h1>
      ${'id' in route && route.id !== title && html`<p class="soft">${route.id}</p>`}
      ${route.kind === 'list' && html`<p class="soft">${running > 0 ? `${running} running, followed live` : 'followed live'}</p>`}
    </header>
    <main>
      ${trouble && html`<p role="alert" class="callout">${trouble}</p>`}
      ${listing?.notes.map((note) => html`<p key=${note} class="callout">${note}</p>`)}
      ${listing ? html`<${Routed} route=${route} listing=${listing} view=${view} onView=${setView} />` : html`<p class="loading">Reading ${label} …</p>`}
    </main>`;
}

/** @param {Route} route */
function titleOf(route) {
  if (route.kind === 'list') return label;
  if (route.kind === 'curves') return `Curves of ${route.ids.length} runs`;
  return route.id.split('/').at(-1) ?? '';
}

/** @param {{ route: Route, listing: Listing, view: import('./list.js').View, onView: (view: import('./list.js').View) => void }} props */
function Routed({ route, listing, view, onView }) {
  const { runs, comparisons } = listing;
  switch (route.kind) {
    case 'run':
      return html`<${Run} key=${route.id} id=${route.id} line=${runs.find(({ id }) => id === route.id)} />`;
    case 'comparison':
      return html`<${Comparison} key=${route.id} id=${route.id} line=${comparisons.find(({ id }) => id === route.id)} runs=${runs} />`;
    case 'curves':
      return html`<${Curves} key=${route.ids.join()} ids=${route.ids} runs=${runs} />`;
    default:
      return html`<${List} runs=${runs} comparisons=${comparisons} view=${view} onView=${onView} />`;
  }
}

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
root.replaceChildren();
render(html`<${App} />`, root);
