/** Writing an attempt's files, and reading those of an attempt that is not committed yet. */
import { encodeJson } from '../checkpoints/json.ts';
import {
  type FileRecords,
  type Manifest,
  openArtifact,
  readArtifact,
  writeArtifact,
  writeParts,
} from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { collectGarbage } from '../core/collect-garbage.ts';
import { RunError } from '../core/errors.ts';
import { bufferSource } from '../tensors/byte-source.ts';
import { openSafetensors, type SafetensorsFile, safetensorsParts } from '../tensors/safetensors.ts';
import { type HostTensors, totalBytes } from '../tensors/tensor.ts';
import type { TaskContext } from './context.ts';
import type { PipelineState } from './messages.ts';

type At = Pick<PipelineState, 'run' | 'epoch' | 'attempt'>;

/** Writes a tensor file. @param options.consumes whether the tensors are not needed any more: they are empty then */
export function writeTensors(
  ctx: TaskContext,
  at: At,
  file: string,
  tensors: HostTensors,
  { consumes = false } = {},
): Promise<FileRecords> {
  collectGarbage(totalBytes(tensors));
  return writeParts(ctx.store, at, file, safetensorsParts(tensors, { format: 'pt' }, { consumes }));
}

export const writeJson = (ctx: TaskContext, at: At, file: string, value: unknown): Promise<FileRecords> =>
  writeArtifact(ctx.store, at, file, encodeJson(value));

/** The digests of files that are written at the same time. */
export async function allWritten(
  ...writes: readonly Promise<FileRecords>[]
): Promise<Record<string, FileRecords[string]>> {
  return Object.assign({}, ...(await Promise.all(writes)));
}

/** A tensor file of the attempt that the state names, for reading by tensor. */
export async function openAttemptTensors(ctx: TaskContext, at: At, file: string): Promise<SafetensorsFile> {
  const key = runKeys.artifact(at.run, at.epoch, at.attempt, file);
  const source = await ctx.store.open(key);
  if (!source) throw new RunError('is missing', { where: `${ctx.store.label}/${key}` });
  return openSafetensors(source);
}

/** A committed tensor file, checked against its digest. @throws RunError when the epoch has no such file. */
export async function openCommittedTensors(
  ctx: TaskContext,
  manifest: Manifest,
  file: string,
): Promise<SafetensorsFile> {
  const bytes = await readArtifact(ctx.store, manifest, file);
  if (!bytes)
    throw new RunError(`epoch ${manifest.epoch} has no ${file}`, { where: `${ctx.store.label}/${manifest.run}` });
  return openSafetensors(bufferSource(file, bytes));
}

/**
 * All tensors of a committed file, checked against its digest; undefined when the epoch has no such file.
 * @throws RunError naming the file when it is missing or damaged.
 */
export async function readCommittedTensors(
  ctx: TaskContext,
  manifest: Manifest,
  file: string,
): Promise<HostTensors | undefined> {
  const opened = await openArtifact(ctx.store, manifest, file);
  if (!opened) return undefined;
  const { source, check } = opened;
  try {
    return await (await openSafetensors(source)).readAll();
  } finally {
    // Of a damaged file that is said, whatever was made of it.
    await check();
  }
}
