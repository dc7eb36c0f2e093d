/**
 * @import { RunLine } from '../listing.ts'
 * @import { EpochRow, RunPage } from '../pages.ts'
 * @import { Column } from './table.js'
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { Breakable } from './breakable.js';
import { addressOf, fetchJson, useFetched } from './fetched.js';
import { duration, epochOf, moment, number, rate, usd } from './format.js';
import { HeatMap } from './heat-map.js';
import { html } from './html.js';
import { LineChart } from './line-chart.js';
import { State } from './state.js';
import { SortableTable } from './table.js';

/** An epoch with the numbers of its layers by name. */
/** @typedef {Omit<EpochRow, 'alphas' | 'factors'> & { alphas: Record<string, number | null> | null, factors: Record<string, number | null> | null }} Epoch */

/** @typedef {Omit<RunPage, 'epochs'> & { epochs: readonly Epoch[] }} Loaded */

/** Rows of the answer, which has layers by place. @param {RunPage} page @returns {Epoch[]} */
function epochsOf({ layers, epochs }) {
  /** @param {readonly (number | null)[] | null} values */
  const named = (values) =>
    values && Object.fromEntries(layers.map(({ name }, index) => [name, values[index] ?? null]));
  return epochs.map((row) => ({ ...row, alphas: named(row.alphas), factors: named(row.factors) }));
}

/** A page with later epochs. @param {Loaded | null} before @param {RunPage} answer @returns {Loaded} */
function extended(before, answer) {
  const known = new Set((before?.layers ?? []).map(({ name }) => name));
  const layers = [...(before?.layers ?? []), ...answer.layers.filter(({ name }) => !known.has(name))];
  return { ...answer, layers, epochs: [...(before?.epochs ?? []), ...epochsOf(answer)] };
}

/**
 * A run's page, with the epochs that come while it is looked at.
 * @param {string} id
 * @param {RunLine | undefined} line
 */
function useRunPage(id, line) {
  const [page, setPage] = useState(/** @type {Loaded | null} */ (null));
  const [trouble, setTrouble] = useState('');
  const loaded = useRef(/** @type {Loaded | null} */ (null));
  const version = `${line?.epoch} ${line?.state} ${line?.epochs}`;
  useEffect(() => {
    let isCurrent = true;
    const last = loaded.current?.epochs.at(-1)?.epoch ?? -1;
    const isBack = line?.epoch != null && line.epoch < last;
    const before = isBack ? null : loaded.current;
    fetchJson(addressOf('api/run', { id, after: isBack ? -1 : last })).then(
      (answer) => {
        if (!isCurrent) return;
        loaded.current = extended(before, answer);
        setPage(loaded.current);
        setTrouble('');
      },
      (error) => isCurrent && setTrouble(error.message),
    );
    return () => {
      isCurrent = false;
    };
  }, [id, version]);
  return { page, trouble };
}

/**
 * One run.
 * @param {{ id: string, line: RunLine | undefined }} props
 */
export function Run({ id, line }) {
  const { page, trouble } = useRunPage(id, line);
  if (!line) return html`<p>There is no run <code>${id}</code> here any more.</p>`;
  return html`
    <p class="facts-line"><${State} state=${line.state} />
      ${line.state !== 'unreadable' && html`<span>epoch ${epochOf(line)}</span>`}
      ${line.best !== null && html`<span>best ${line.metric} ${number(line.best)} at epoch ${line.bestEpoch}</span>`}
      ${line.state !== 'unreadable' && html`<span>${duration(line.seconds)}</span>`}
      ${line.usd !== null && html`<span>${usd(line.usd)}</span>`}
      ${line.epoch !== null && html`<a href=${addressOf('report', { id })} target="_blank" rel="noopener">Report (new tab)</a>`}
    </p>
    ${line.state === 'running' && line.epochs && html`<progress max=${line.epochs} value=${line.epoch ?? 0} aria-label="epochs trained"></progress>`}
    ${line.reason && !trouble && html`<p>${line.reason}</p>`}
    ${trouble && html`<p role="alert" class="callout">${trouble}</p>`}
    ${page?.notes.map((note) => html`<p key=${note} class="callout">${note}</p>`)}
    ${page ? html`<${Sections} id=${id} line=${line} page=${page} />` : !trouble && html`<p class="loading">Reading the run …</p>`}`;
}

/** @param {{ id: string, line: RunLine, page: Loaded }} props */
function Sections({ id, line, page }) {
  const { epochs, layers, facts, settings, history, test, hasFields } = page;
  const alphas = epochs.flatMap(({ epoch, alphas: values }) => (values ? [{ epoch, values }] : []));
  const factors = epochs.flatMap(({ epoch, factors: values }) => (values ? [{ epoch, values }] : []));
  const isBalanced = factors.some(({ values }) =>
    Object.values(values).some((factor) => factor !== null && factor !== 1),
  );
  return html`
    ${epochs.length > 0 && html`<section aria-labelledby="curves"><h2 id="curves">Curves</h2>${line.bestEpoch !== null && html`<p class="how">The dotted line marks the best epoch, ${line.bestEpoch}.</p>`}<${Curves} epochs=${epochs} line=${line} /></section>`}
    ${
      alphas.length > 0 &&
      html`<section aria-labelledby="alphas"><h2 id="alphas">Alpha by layer</h2>
      <p class="how">The power-law exponent of each layer’s spectrum: small values (dark) are typical of well-trained layers, large ones (bright) of layers that have learnt less. Grey cells have no fit.</p>
      <${HeatMap} title="Alpha by layer and epoch" kind="alpha" layers=${layers} columns=${alphas} /></section>`
    }
    ${
      factors.length > 0 &&
      html`<section aria-labelledby="rates"><h2 id="rates">Rates by layer</h2>
      ${
        isBalanced
          ? html`<p class="how">The factor on the base learning rate that each layer trained with: blue layers had less, orange ones more.</p>
          <${HeatMap} title="Factor by layer and epoch" kind="factor" layers=${layers} columns=${factors} />`
          : html`<p>Every layer trained at the base rate.</p>`
      }</section>`
    }
    ${layers.length > 0 && html`<section aria-labelledby="layers"><h2 id="layers">Layers</h2><${Layers} epochs=${epochs} layers=${layers} /></section>`}
    ${hasFields && html`<section aria-labelledby="fields"><h2 id="fields">Fields</h2><${Fields} id=${id} version=${String(line.bestEpoch ?? line.epoch)} /></section>`}
    ${test && html`<section aria-labelledby="test"><h2 id="test">On test data</h2><${Facts} facts=${Object.entries(test).map(([name, value]) => [name, number(value)])} /></section>`}
    <section aria-labelledby="settings"><h2 id="settings">Settings</h2><${Facts} facts=${facts} />
      <details><summary>All settings</summary><pre tabindex="0">${settings}</pre></details></section>
    <section aria-labelledby="history"><h2 id="history">History</h2><ul class="history">${history.map(({ at, what }, index) => html`<li key=${index}><time datetime=${at}>${moment(at)}</time> ${what}</li>`)}</ul></section>`;
}

/** @param {{ epochs: readonly Epoch[], line: RunLine }} props */
function Curves({ epochs, line }) {
  const names = [...new Set(epochs.flatMap(({ metrics }) => Object.keys(metrics)))];
  const ordered = [...names.filter((name) => name === line.metric), ...names.filter((name) => name !== line.metric)];
  /** @param {(epoch: Epoch) => number | null | undefined} of */
  const points = (of) =>
    epochs.map((epoch) => /** @type {[number, number | null]} */ ([epoch.epoch, of(epoch) ?? null]));
  /** @param {string} title @param {{ name: string, points: [number, number | null][], color: number, dash?: string }[]} series */
  const chart = (title, series) =>
    html`<${LineChart} key=${title} title=${title} series=${series} marked=${line.bestEpoch ?? undefined} />`;
  const loss = [
    { name: 'training', points: points(({ trainLoss }) => trainLoss), color: 1 },
    ...(names.includes('loss')
      ? [{ name: 'validation', points: points(({ metrics }) => metrics.loss), color: 2, dash: '7 3' }]
      : []),
  ];
  return html`<div class="multiples">
    ${chart('Loss', loss)}
    ${ordered.filter((name) => name !== 'loss').map((name) => chart(`${name}, validation`, [{ name, points: points(({ metrics }) => metrics[name]), color: 2 }]))}
    ${chart('Mean of alpha over layers', [{ name: 'mean', points: points(({ alphaMean }) => alphaMean), color: 3 }])}
    ${chart('Standard deviation of alpha over layers', [{ name: 'deviation', points: points(({ alphaStd }) => alphaStd), color: 4 }])}
    ${chart('Base learning rate', [{ name: 'rate', points: points(({ baseLearningRate }) => baseLearningRate), color: 5 }])}
    ${chart('Norm of the gradient', [{ name: 'norm', points: points(({ gradientNorm }) => gradientNorm), color: 6 }])}
  </div>
  <details><summary>Numbers by epoch</summary><${Numbers} epochs=${epochs} names=${names} /></details>`;
}

/** The curves as a table. @param {{ epochs: readonly Epoch[], names: readonly string[] }} props */
function Numbers({ epochs, names }) {
  /** @type {Column<Epoch>[]} */
  const columns = [
    { key: 'epoch', label: 'Epoch', value: ({ epoch }) => epoch, numeric: true },
    {
      key: 'loss',
      label: 'Training loss',
      value: ({ trainLoss }) => trainLoss,
      cell: ({ trainLoss }) => number(trainLoss),
      numeric: true,
    },
    ...names.map((name) => ({
      key: `metric ${name}`,
      label: name,
      value: (/** @type {Epoch} */ { metrics }) => metrics[name],
      cell: (/** @type {Epoch} */ { metrics }) => number(metrics[name]),
      numeric: true,
    })),
    {
      key: 'alpha',
      label: 'Mean alpha',
      value: ({ alphaMean }) => alphaMean,
      cell: ({ alphaMean }) => number(alphaMean),
      numeric: true,
    },
    {
      key: 'seconds',
      label: 'Seconds',
      value: ({ seconds }) => seconds,
      cell: ({ seconds }) => number(seconds, 3),
      numeric: true,
    },
  ];
  return html`<${SortableTable} caption="Numbers by epoch" columns=${columns} rows=${epochs} keyOf=${(/** @type {Epoch} */ { epoch }) => String(epoch)} />`;
}

/** Layers as they were last measured and trained. @param {{ epochs: readonly Epoch[], layers: Loaded['layers'] }} props */
function Layers({ epochs, layers }) {
  const measured = epochs.findLast(({ alphas }) => alphas !== null);
  const trained = epochs.findLast(({ factors }) => factors !== null);
  const rows = layers.map(({ name, label }) => {
    const factor = trained?.factors?.[name] ?? null;
    const base = trained?.baseLearningRate ?? null;
    return {
      name,
      label,
      alpha: measured?.alphas?.[name] ?? null,
      factor,
      rate: factor === null || base === null ? null : factor * base,
    };
  });
  /** @type {Column<(typeof rows)[number]>[]} */
  const columns = [
    {
      key: 'name',
      label: 'Layer',
      value: ({ name }) => name,
      cell: ({ name, label }) => html`<${LayerName} name=${name} label=${label} />`,
    },
    {
      key: 'alpha',
      label: 'Alpha',
      value: ({ alpha }) => alpha,
      cell: ({ alpha }) => number(alpha, 3),
      numeric: true,
    },
    {
      key: 'factor',
      label: 'Factor',
      value: ({ factor }) => factor,
      cell: ({ factor }) => number(factor, 3),
      numeric: true,
    },
    {
      key: 'rate',
      label: 'Rate',
      value: ({ rate }) => rate,
      cell: (row) => rate(row.rate),
      numeric: true,
    },
  ];
  const told = [
    ...(measured ? [`alpha after epoch ${measured.epoch}`] : []),
    ...(trained ? [`factor and learning rate in epoch ${trained.epoch}`] : []),
  ].join(', ');
  return html`${told && html`<p class="how">Each layer’s ${told}.</p>`}
    <${SortableTable} caption="Layers" columns=${columns} rows=${rows} keyOf=${(/** @type {{ name: string }} */ { name }) => name} />`;
}

/** A layer's name, by its short form on narrow screens. @param {{ name: string, label: string }} props */
const LayerName = ({ name, label }) =>
  html`<span class="long"><${Breakable} text=${name} /></span><span class="short" title=${name}><${Breakable} text=${label} /></span>`;

/** Fields predicted and true, drawn by the server as in reports. @param {{ id: string, version: string }} props */
function Fields({ id, version }) {
  /** @type {{ value: { markup: string } | null, trouble: string }} */
  const { value, trouble } = useFetched(addressOf('api/fields', { id }), version);
  if (trouble) return html`<p role="alert" class="callout">${trouble}</p>`;
  if (!value) return html`<p class="loading">Drawing the fields …</p>`;
  return html`<div class="fields" dangerouslySetInnerHTML=${{ __html: value.markup }}></div>`;
}

/** @param {{ facts: readonly (readonly [string, string])[] }} props */
const Facts = ({ facts }) =>
  html`<dl class="facts">${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd><${Breakable} text=${value} /></dd></div>`)}</dl>`;
