/** Writes the model of a run's epoch as a folder of its own. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { encodeJson } from '../checkpoints/json.ts';
import { readArtifact } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { UserError } from '../core/errors.ts';
import { configFile } from '../models/hugging-face/config.ts';
import { isOtherFile } from '../models/hugging-face/folder.ts';
import { files } from '../pipeline/records.ts';
import { modelOfRun } from '../pipeline/run-model.ts';
import { readRunReport } from '../pipeline/run-report.ts';
import { renderModelCard } from '../reports/model-card.ts';
import { findEpoch } from './run-epoch.ts';
import type { RunFolder } from './run-folder.ts';

const card = 'README.md';

/**
 * Writes weights, `config.json`, tokenizer and model card of an epoch, the best so far where none is named.
 * @param path of the run, for messages
 * @param options.force whether what another than an export left in the folder is replaced
 * @throws UserError when the epoch has no weights any more, or the folder holds anything but an export.
 */
export async function exportRun(
  path: string,
  { store, run, root }: RunFolder,
  folder: string,
  options: { epoch?: number | undefined; force: boolean; warn: (message: string) => void },
): Promise<{ epoch: number; isBest: boolean }> {
  const { record, manifest, epoch, isBest } = await findEpoch(path, { store, run, root }, options.epoch);
  const present = await contentOf(folder);
  if (present.length > 0 && !options.force && !(await isExport(folder))) {
    throw new UserError('is a folder with something else in it than an export', {
      where: folder,
      remedy: 'Name another folder, or add --force to have files of the same names replaced.',
    });
  }
  const others = new Map<string, Uint8Array>();
  for (const key of await store.list(runKeys.model(run, ''))) {
    const name = key.slice(runKeys.model(run, '').length);
    const stored = isOtherFile(name) && (await store.get(key));
    if (stored) others.set(name, stored.bytes);
  }
  if (record.config.model.family === 'huggingface' && !others.has('tokenizer.json')) {
    throw new UserError('there is no such file', {
      where: join(root, runKeys.model(run, 'tokenizer.json')),
      remedy: `Copy it from ${record.config.model.folder}, or resume the run, which does.`,
    });
  }
  const report = await readRunReport(store, run, options.warn);
  const written = new Map<string, Uint8Array | string>([
    [card, renderModelCard(report, epoch)],
    [configFile, encodeJson(modelOfRun(record).config)],
    ...others,
    // The manifest was found by its weights.
    [files.model, (await readArtifact(store, manifest, files.model))!],
  ]);
  await writeFolder(folder, written);
  // What another model left would be read with this one.
  for (const name of present) if (isOtherFile(name) && !written.has(name)) await rm(join(folder, name));
  return { epoch, isBest };
}

/** Names in a folder; none where there is no folder. @throws UserError when it is a file. */
async function contentOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw cannotWrite(folder, error);
  }
}

/** Whether a model card of ours is in it. */
async function isExport(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, card), 'utf8').catch(() => '');
  const matter = /^---\n(.*?)\n---/s.exec(text)?.[1];
  try {
    const { tags } = parse(matter ?? '{}') as { tags?: unknown };
    return Array.isArray(tags) && tags.includes('tempbalance');
  } catch {
    return false;
  }
}

/** Each file is written aside and moved into place, so that none is ever half there. */
async function writeFolder(folder: string, written: ReadonlyMap<string, Uint8Array | string>): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of written) {
      const draft = join(folder, `.${name}.draft`);
      await writeFile(draft, content);
      await rename(draft, join(folder, name));
    }
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

const cannotWrite = (folder: string, cause: unknown) =>
  new UserError(`can't be written (${(cause as NodeJS.ErrnoException).code})`, {
    where: folder,
    remedy: 'Check that it is a folder that may be written to and that the disk has room, or choose another place.',
    cause,
  });
