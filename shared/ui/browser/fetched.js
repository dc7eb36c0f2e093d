import { useEffect, useState } from 'preact/hooks';

/** What the server answers in JSON. @param {string} path @returns {Promise<any>} */
export async function fetchJson(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error((await response.text()).trim() || `the server answered ${response.status}`);
  return response.json();
}

/** An address with a query. @param {string} path @param {Record<string, string | number>} query */
export const addressOf = (path, query) =>
  `${path}?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`;

/**
 * What the server answers, asked for anew whenever the address or the version changes; the last answer stays until the next one.
 * @template T
 * @param {string | null} address null: nothing is asked for
 * @param {string} version
 * @returns {{ value: T | null, trouble: string }}
 */
export function useFetched(address, version = '') {
  const [state, setState] = useState({ value: /** @type {T | null} */ (null), trouble: '' });
  useEffect(() => {
    if (address === null) return undefined;
    let isCurrent = true;
    fetchJson(address).then(
      (value) => isCurrent && setState({ value, trouble: '' }),
      (error) => isCurrent && setState((before) => ({ ...before, trouble: String(error.message) })),
    );
    return () => {
      isCurrent = false;
    };
  }, [address, version]);
  return state;
}
