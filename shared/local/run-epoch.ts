/** An epoch of a run on this machine whose weights are still there. */
import { type Manifest, readHead, readHeadManifest, readManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { UserError } from '../core/errors.ts';
import { files, type RunRecord, readProgress, readRunRecord } from '../pipeline/records.ts';
import type { ByteSource } from '../tensors/byte-source.ts';
import type { RunFolder } from './run-folder.ts';

/** A committed epoch with weights. */
export interface RunEpoch {
  readonly record: RunRecord;
  readonly manifest: Manifest;
  readonly epoch: number;
  readonly isBest: boolean;
  /** The file with the weights that are trained, also where an average of them is kept: spectra are taken of these. */
  readonly source: ByteSource;
}

/**
 * An epoch of a run: the wanted one, or the best so far.
 * @param path for messages
 * @throws UserError when there is none, or when it has no weights any more, with those that have.
 */
export async function findEpoch(
  path: string,
  { store, run }: RunFolder,
  wanted: number | undefined,
): Promise<RunEpoch> {
  const head = await readHead(store, run);
  if (!head) {
    throw new UserError('has no committed epoch yet', {
      where: path,
      remedy: `Wait for its first epoch, or go on with it by \`npx tempbalance resume ${path}\`.`,
    });
  }
  const record = await readRunRecord(store, run);
  const best = (await readProgress(store, await readHeadManifest(store, run)))?.best?.epoch;
  const epoch = wanted ?? best ?? head.epoch;
  const open = async (number: number): Promise<{ manifest: Manifest; source: ByteSource } | undefined> => {
    const manifest = number <= head.epoch ? await readManifest(store, run, number) : undefined;
    const source = manifest && (await store.open(runKeys.artifact(run, number, manifest.attempt, files.model)));
    return source && { manifest, source };
  };
  const found = await open(epoch);
  if (found) return { record, ...found, epoch, isBest: epoch === best };
  const kept: number[] = [];
  for (let candidate = 0; candidate <= head.epoch; candidate++) if (await open(candidate)) kept.push(candidate);
  throw new UserError(
    epoch > head.epoch
      ? `has no epoch ${epoch}: the last is ${head.epoch}`
      : `the weights of epoch ${epoch} are not kept`,
    { where: path, remedy: `Epochs with weights: ${kept.join(', ')}. \`output.keep\` says how many are kept.` },
  );
}
