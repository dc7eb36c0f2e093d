/** A file of arrays that are known by name when it is opened. */
import type { ArrayFile, StoredArray } from './array-file.ts';
import { noSuchArray, notNumbers } from './refusals.ts';

/** What a name in a file stands for: an array, or what else is there, e.g. `a cell array`. */
export type NamedContent = StoredArray | { readonly refused: string };

/** The file as an `ArrayFile`. It says nothing of itself but names and arrays. */
export function fileOfArrays(path: string, format: string, contents: ReadonlyMap<string, NamedContent>): ArrayFile {
  const names = () => [...contents].filter(([, content]) => !('refused' in content)).map(([name]) => name);
  return {
    path,
    format,
    names,
    array(name) {
      const content = contents.get(name);
      if (!content) throw noSuchArray(path, name, names());
      if ('refused' in content) throw notNumbers(path, name, content.refused);
      return content;
    },
    attributes: () => ({}),
  };
}
