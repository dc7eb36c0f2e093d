/** Longer names are cut: a time is added to them, and folders have limits. */
const longest = 60;

/** A name that obeys the rules for names, made of any text, such as that of a file: `Mein Lauf (2)` gives `Mein-Lauf-2`. */
export const nameFrom = (text: string, otherwise: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, longest)
    .replace(/-+$/, '') || otherwise;
