import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Path of a file under `test/fixtures`. */
export function fixturePath(...parts: string[]): string {
  return fileURLToPath(new URL(['..', 'fixtures', ...parts].join('/'), import.meta.url));
}

/** A JSON fixture; numbers that are not finite stand in it as the strings `NaN`, `Infinity` and `-Infinity`. */
export async function readJsonFixture<Content>(...parts: string[]): Promise<Content> {
  return JSON.parse(await readFile(fixturePath(...parts), 'utf8'), (_, value) =>
    value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : value,
  ) as Content;
}
