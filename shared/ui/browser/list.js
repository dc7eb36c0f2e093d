/**
 * @import { ComparisonLine, RunLine } from '../listing.ts'
 * @import { Column } from './table.js'
 * @import { Filter, Order } from './rows.js'
 */
import { Breakable } from './breakable.js';
import { counted, duration, epochOf, moment, number, rate, usd } from './format.js';
import { html } from './html.js';
import { comparisonOf, everything, filtered, paged, sorted, valuesOf } from './rows.js';
import { State } from './state.js';
import { SortableTable } from './table.js';

/** What of the list is looked at; it outlives a visit to another page. */
/** @typedef {{ filter: Filter, order: Order, page: number, chosen: readonly string[] }} View */

/** @type {View} */
export const firstView = { filter: everything, order: { key: 'begun', descending: true }, page: 0, chosen: [] };

/** Runs whose curves are drawn together, at most. */
const mostChosen = 10;

/**
 * All runs and comparisons.
 * @param {{ runs: readonly RunLine[], comparisons: readonly ComparisonLine[], view: View, onView: (view: View) => void }} props
 */
export function List({ runs, comparisons, view, onView }) {
  const { filter, order } = view;
  const chosen = view.chosen.filter((id) => runs.some((run) => run.id === id));
  const ids = new Set(comparisons.map(({ id }) => id));
  const hidden = runs.filter((run) => ids.has(comparisonOf(run))).length;
  const columns = columnsOf(runs, view, onView);
  const by = columns.find(({ key }) => key === order.key) ?? columns[0];
  const all = by ? sorted(filtered(runs, filter, ids), by.value, order.descending) : [];
  const { page, pages, rows } = paged(all, view.page);
  /** @param {Partial<Filter>} change */
  const narrow = (change) => onView({ ...view, page: 0, filter: { ...filter, ...change } });
  return html`
    ${comparisons.length > 0 && html`<section aria-labelledby="comparisons"><h2 id="comparisons">Comparisons</h2><${Comparisons} comparisons=${comparisons} /></section>`}
    <section aria-labelledby="runs">
      <h2 id="runs">Runs</h2>
      <form class="filters" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
        <label>Name <input type="search" name="name" value=${filter.name} onInput=${(/** @type {any} */ { target }) => narrow({ name: target.value })} /></label>
        <${Choice} label="State" name="state" rows=${runs} of=${(/** @type {RunLine} */ run) => run.state} value=${filter.state} onChange=${(/** @type {string} */ state) => narrow({ state })} />
        <${Choice} label="Metric" name="metric" rows=${runs} of=${(/** @type {RunLine} */ run) => run.metric} value=${filter.metric} onChange=${(/** @type {string} */ metric) => narrow({ metric })} />
        <${Choice} label="Balance" name="preset" rows=${runs} of=${(/** @type {RunLine} */ run) => run.preset} value=${filter.preset} onChange=${(/** @type {string} */ preset) => narrow({ preset })} />
        <${Choice} label="Seed" name="seed" rows=${runs} of=${(/** @type {RunLine} */ run) => run.seed} value=${filter.seed} onChange=${(/** @type {string} */ seed) => narrow({ seed })} />
        <label class="below-desk">Sort by
          <select value=${order.key} onChange=${(/** @type {any} */ { target }) => onView({ ...view, order: { key: target.value, descending: order.descending } })}>
            ${columns.filter(({ key }) => key !== 'chosen').map(({ key, label }) => html`<option key=${key} value=${key}>${label}</option>`)}
          </select>
        </label>
        <button type="button" class="below-desk" onClick=${() => onView({ ...view, page: 0, order: { key: order.key, descending: !order.descending } })}>${order.descending ? '▼ descending' : '▲ ascending'}</button>
        ${hidden > 0 && html`<label class="check"><input type="checkbox" name="compared" checked=${filter.compared} onChange=${(/** @type {any} */ { target }) => narrow({ compared: target.checked })} /> with ${counted(hidden, 'run')} of comparisons</label>`}
      </form>
      <div class="bar">
        <p role="status" class="soft">${all.length === runs.length ? counted(runs.length, 'run') : `${all.length} of ${counted(runs.length, 'run')}`}</p>
        ${chosen.length > 1 && html`<a class="button" href=${`#curves=${chosen.map(encodeURIComponent).join(',')}`}>Curves of ${chosen.length} runs</a>`}
        ${chosen.length > 0 && html`<button type="button" onClick=${() => onView({ ...view, chosen: [] })}>Choose none</button>`}
      </div>
      ${
        rows.length === 0
          ? html`<p>${runs.length === 0 ? 'There are no runs yet. One appears here as soon as it begins.' : 'No run matches these filters. Runs of comparisons are listed when their box is checked.'}</p>`
          : html`<${SortableTable} caption="Runs" columns=${columns} rows=${rows} keyOf=${(/** @type {RunLine} */ run) => run.id} order=${order} onOrder=${(/** @type {Order} */ next) => onView({ ...view, page: 0, order: next })} />`
      }
      ${
        pages > 1 &&
        html`<nav class="pages" aria-label="Pages of the list">
        <button type="button" disabled=${page === 0} onClick=${() => onView({ ...view, page: page - 1 })}>Previous</button>
        <span>Page ${page + 1} of ${pages}</span>
        <button type="button" disabled=${page === pages - 1} onClick=${() => onView({ ...view, page: page + 1 })}>Next</button>
      </nav>`
      }
    </section>`;
}

/**
 * @param {readonly RunLine[]} runs
 * @param {View} view
 * @param {(view: View) => void} onView
 * @returns {Column<RunLine>[]}
 */
function columnsOf(runs, view, onView) {
  const { chosen } = view;
  /** @param {RunLine} run */
  const choose = ({ id }) => {
    const others = chosen.filter((each) => each !== id);
    onView({ ...view, chosen: others.length < chosen.length ? others : [...chosen, id].slice(-mostChosen) });
  };
  return [
    {
      key: 'name',
      label: 'Run',
      value: ({ id }) => id,
      cell: (run) => html`<${RunName} run=${run} isChosen=${chosen.includes(run.id)} onChoose=${() => choose(run)} />`,
    },
    {
      key: 'state',
      label: 'State',
      value: ({ state }) => state,
      cell: ({ state }) => html`<${State} state=${state} />`,
    },
    { key: 'epoch', label: 'Epoch', value: ({ epoch }) => epoch, cell: epochOf, numeric: true, shownFrom: 'tablet' },
    { key: 'metric', label: 'Metric', value: ({ metric }) => metric, shownFrom: 'desk' },
    { key: 'best', label: 'Best', value: ({ best }) => best, cell: ({ best }) => number(best), numeric: true },
    { key: 'preset', label: 'Balance', value: ({ preset }) => preset, shownFrom: 'tablet' },
    { key: 'seed', label: 'Seed', value: ({ seed }) => seed, numeric: true, shownFrom: 'tablet' },
    {
      key: 'rate',
      label: 'Rate',
      value: ({ learningRate }) => learningRate,
      cell: ({ learningRate }) => rate(learningRate),
      numeric: true,
      shownFrom: 'desk',
    },
    {
      key: 'time',
      label: 'Time',
      value: ({ seconds }) => seconds,
      cell: ({ seconds }) => duration(seconds),
      numeric: true,
      shownFrom: 'tablet',
    },
    {
      key: 'begun',
      label: 'Begun',
      value: ({ begunAt }) => begunAt,
      cell: ({ begunAt }) => html`<span class="whole">${moment(begunAt)}</span>`,
      shownFrom: 'desk',
    },
    ...(runs.some((run) => run.usd !== null)
      ? [
          {
            key: 'cost',
            label: 'Cost',
            value: (/** @type {RunLine} */ run) => run.usd,
            cell: (/** @type {RunLine} */ run) => usd(run.usd),
            numeric: true,
            shownFrom: /** @type {const} */ ('desk'),
          },
        ]
      : []),
    {
      key: 'chosen',
      label: 'Curves',
      value: ({ id }) => (chosen.includes(id) ? 0 : 1),
      cell: (run) =>
        run.state !== 'unreadable' &&
        html`<input type="checkbox" aria-label=${`draw the curves of ${run.id}`} checked=${chosen.includes(run.id)} onChange=${() => choose(run)} />`,
      shownFrom: 'tablet',
    },
  ];
}

/**
 * A run's name as a link, with what narrow screens have no column for.
 * @param {{ run: RunLine, isChosen: boolean, onChoose: () => void }} props
 */
const RunName = ({ run, isChosen, onChoose }) => html`
  <a href=${`#run=${encodeURIComponent(run.id)}`}>${run.name}</a>
  ${run.folder && html`<span class="folder"><${Breakable} text=${run.folder} /></span>`}
  ${
    run.state === 'unreadable'
      ? html`<span class="folder"><${Breakable} text=${run.reason} /></span>`
      : html`<span class="folder below-tablet">epoch ${epochOf(run)}, balance ${run.preset}, seed ${run.seed}, ${duration(run.seconds)}</span>
    <span class="folder below-desk">metric ${run.metric}, rate ${rate(run.learningRate)}, <span class="whole">begun ${moment(run.begunAt)}</span></span>
    <label class="folder below-tablet check"><input type="checkbox" checked=${isChosen} onChange=${onChoose} aria-label=${`curves of ${run.id}`} /> curves</label>`
  }`;

/** @param {{ comparisons: readonly ComparisonLine[] }} props */
function Comparisons({ comparisons }) {
  /** @type {Column<ComparisonLine>[]} */
  const columns = [
    {
      key: 'name',
      label: 'Comparison',
      value: ({ id }) => id,
      cell: ({ id, name, folder, reason }) =>
        html`<a href=${`#comparison=${encodeURIComponent(id)}`}>${name}</a>${folder && html`<span class="folder">${folder}</span>`}${reason && html`<span class="folder below-desk">${reason}</span>`}`,
    },
    {
      key: 'state',
      label: 'State',
      value: ({ state }) => state,
      cell: ({ state }) => html`<${State} state=${state} />`,
    },
    {
      key: 'runs',
      label: 'Runs',
      value: ({ done }) => done,
      cell: ({ done, runs }) => `${done}/${runs}`,
      numeric: true,
    },
    { key: 'arms', label: 'Arms', value: ({ arms }) => arms, numeric: true, shownFrom: 'tablet' },
    { key: 'metric', label: 'Metric', value: ({ metric }) => metric, shownFrom: 'tablet' },
    {
      key: 'time',
      label: 'Time of runs',
      value: ({ seconds }) => seconds,
      cell: ({ seconds }) => duration(seconds),
      numeric: true,
      shownFrom: 'tablet',
    },
    { key: 'found', label: 'Found', value: ({ reason }) => reason, shownFrom: 'desk' },
  ];
  return html`<${SortableTable} caption="Comparisons" columns=${columns} rows=${comparisons} keyOf=${(/** @type {ComparisonLine} */ line) => line.id} />`;
}

/**
 * A choice among the values that runs have.
 * @param {{ label: string, name: string, rows: readonly RunLine[], of: (run: RunLine) => string | number | null, value: string, onChange: (value: string) => void }} props
 */
function Choice({ label, name, rows, of, value, onChange }) {
  const values = valuesOf(rows, of);
  const isGone = value !== '' && !values.some((each) => each.value === value);
  return html`<label>${label}
    <select name=${name} value=${value} onChange=${(/** @type {any} */ { target }) => onChange(target.value)}>
      <option value="">all</option>
      ${(isGone ? [...values, { value, count: 0 }] : values).map((each) => html`<option key=${each.value} value=${each.value}>${each.value} (${each.count})</option>`)}
    </select>
  </label>`;
}
