import { useLayoutEffect, useState } from 'preact/hooks';

/** The width of an element in pixels, and the reference that is to be given to it. @param {number} usual before it is known */
export function useWidth(usual) {
  const [watched, setWatched] = useState(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(usual);
  useLayoutEffect(() => {
    if (!watched) return undefined;
    const measure = () => setWidth(Math.max(200, Math.floor(watched.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(watched);
    return () => observer.disconnect();
  }, [watched]);
  return { element: setWatched, width };
}
