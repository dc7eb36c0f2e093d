/** Debian's packages as documents: the line that describes a package, and the section it is in. */

export interface Document {
  readonly text: string;
  readonly label: string;
  /** Documents of one source are alike, and stay on one side of every split. */
  readonly source: string;
}

const field = (stanza: string, name: string): string | undefined =>
  new RegExp(`^${name}: *(.+)$`, 'm').exec(stanza)?.[1]?.trim();

/**
 * The documents in what `apt-cache dumpavail` prints, one for each text, in the order of the texts. An area before the
 * section (`contrib/games`) is dropped, and so are packages without a description or a section.
 */
export function parsePackages(dump: string): Document[] {
  const byText = new Map<string, Document>();
  for (const stanza of dump.split(/\n\n+/)) {
    const name = field(stanza, 'Package');
    const text = field(stanza, 'Description(?:-en)?');
    const label = field(stanza, 'Section')?.replace(/^.*\//, '');
    if (name === undefined || text === undefined || label === undefined || byText.has(text)) continue;
    byText.set(text, { text, label, source: field(stanza, 'Source')?.replace(/ .*/, '') ?? name });
  }
  return [...byText.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}
