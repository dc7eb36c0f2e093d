/**
 * @import { RunLine } from '../listing.ts'
 * @import { RunPage } from '../pages.ts'
 */
import { useEffect, useState } from 'preact/hooks';
import { addressOf, fetchJson } from './fetched.js';
import { number } from './format.js';
import { html } from './html.js';
import { LineChart, lookOf } from './line-chart.js';
import { State } from './state.js';

/**
 * The curves of several runs in the same charts.
 * @param {{ ids: readonly string[], runs: readonly RunLine[] }} props
 */
export function Curves({ ids, runs }) {
  const lines = ids.flatMap((id) => runs.find((run) => run.id === id) ?? []);
  const [pages, setPages] = useState(/** @type {ReadonlyMap<string, RunPage>} */ (new Map()));
  const [trouble, setTrouble] = useState('');
  const version = lines.map(({ id, epoch }) => `${id} ${epoch}`).join('|');
  useEffect(() => {
    let isCurrent = true;
    const all = Promise.all(
      lines.map(async ({ id }) => /** @type {const} */ ([id, await fetchJson(addressOf('api/run', { id }))])),
    );
    all.then(
      (found) => isCurrent && setPages(new Map(found)),
      (error) => isCurrent && setTrouble(error.message),
    );
    return () => {
      isCurrent = false;
    };
  }, [version]);
  const names = [
    ...new Set([...pages.values()].flatMap(({ epochs }) => epochs.flatMap(({ metrics }) => Object.keys(metrics)))),
  ];
  /** @param {(epoch: RunPage['epochs'][number]) => number | null | undefined} of */
  const series = (of) =>
    lines.map(({ id, name }, index) => ({
      name: lines.filter((line) => line.name === name).length > 1 ? id : name,
      points: (pages.get(id)?.epochs ?? []).map(
        (epoch) => /** @type {[number, number | null]} */ ([epoch.epoch, of(epoch) ?? null]),
      ),
      ...lookOf(index),
    }));
  return html`
    ${trouble && html`<p role="alert" class="callout">${trouble}</p>`}
    <ul class="chosen">${lines.map((line) => html`<li key=${line.id}><a href=${`#run=${encodeURIComponent(line.id)}`}>${line.id}</a> <${State} state=${line.state} /> <span class="soft">${line.preset}, seed ${line.seed}, best ${line.metric} ${number(line.best)}</span></li>`)}</ul>
    <section aria-labelledby="curves"><h2 id="curves">Curves</h2><div class="multiples">
      <${LineChart} title="Training loss" series=${series(({ trainLoss }) => trainLoss)} />
      ${names.map((name) => html`<${LineChart} key=${name} title=${`${name}, validation`} series=${series(({ metrics }) => metrics[name])} />`)}
      <${LineChart} title="Standard deviation of alpha over layers" series=${series(({ alphaStd }) => alphaStd)} />
    </div></section>`;
}
