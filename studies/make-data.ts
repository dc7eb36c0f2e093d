import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Study } from './studies.ts';

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Makes the data files of a study that are missing. A file appears when it is whole.
 * @param say told of each file before it is made
 */
export async function makeData(
  { data }: Pick<Study, 'data'>,
  folder: string,
  say: (path: string) => void,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, write] of Object.entries(data)) {
    const path = join(folder, name);
    if (await exists(path)) continue;
    say(path);
    await write(`${path}.tmp`);
    await rename(`${path}.tmp`, path);
  }
}
