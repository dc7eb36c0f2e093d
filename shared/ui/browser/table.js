/** @import { Order } from './rows.js' */
import { useState } from 'preact/hooks';
import { html } from './html.js';
import { sorted } from './rows.js';

/**
 * A column: what its cells show, and what rows are sorted by. `shownFrom`: not on screens narrower than a tablet's, or a desk's, where the
 * first column tells of it.
 * @template Row
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: Row) => string | number | null | undefined} value
 * @property {(row: Row) => any} [cell] absent: the value
 * @property {boolean} [numeric]
 * @property {'tablet' | 'desk'} [shownFrom]
 */

/**
 * A table with buttons for sorting in its head; the first column heads its row.
 * @template Row
 * @param {object} props
 * @param {string} props.caption
 * @param {readonly Column<Row>[]} props.columns
 * @param {readonly Row[]} props.rows sorted already where `order` is given
 * @param {(row: Row) => string} props.keyOf
 * @param {Order} [props.order]
 * @param {(order: Order) => void} [props.onOrder] absent: the table sorts by itself
 */
export function SortableTable({ caption, columns, rows, keyOf, order, onOrder }) {
  const [own, setOwn] = useState(/** @type {Order | null} */ (null));
  const current = order ?? own;
  const by = own && columns.find(({ key }) => key === own.key);
  const shown = order || !by ? rows : sorted(rows, by.value, own.descending);
  /** @param {Column<Row>} column */
  const sortBy = ({ key }) => {
    const next = { key, descending: current?.key === key && !current.descending };
    if (onOrder) onOrder(next);
    else setOwn(next);
  };
  /** @param {Column<Row>} column */
  const directionOf = ({ key }) => {
    if (current?.key !== key) return undefined;
    return current.descending ? 'descending' : 'ascending';
  };
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${`Table: ${caption}`}>
    <table class="rows">
      <caption class="hidden">${caption}</caption>
      <thead>
        <tr>
          ${columns.map(
            (column) =>
              html`<th key=${column.key} scope="col" class=${classOf(column)} aria-sort=${directionOf(column)}>
                <button type="button" class="sort" onClick=${() => sortBy(column)}>
                  ${column.label}<span aria-hidden="true" class="arrow">${arrows[directionOf(column) ?? 'none']}</span>
                </button>
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${shown.map(
          (row) =>
            html`<tr key=${keyOf(row)}>
              ${columns.map((column, index) => {
                const content = column.cell ? column.cell(row) : (column.value(row) ?? '–');
                return index === 0
                  ? html`<th key=${column.key} scope="row" class=${classOf(column)}>${content}</th>`
                  : html`<td key=${column.key} class=${classOf(column)}>${content}</td>`;
              })}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const arrows = { ascending: '▲', descending: '▼', none: '' };

/** @param {{ numeric?: boolean, shownFrom?: string }} column */
const classOf = ({ numeric, shownFrom = '' }) => [numeric ? 'number' : '', shownFrom].filter(Boolean).join(' ');
