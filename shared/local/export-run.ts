/** Writes the model of a run's epoch as a folder of its own. */
import { join } from 'node:path';
import { readArtifact } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { RunError, UserError } from '../core/errors.ts';
import { type ExportDtypeSetting, exportDtypeOf } from '../models/hugging-face/export-precision.ts';
import { isOtherFile, onnxFile } from '../models/hugging-face/folder.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { modelFileOf } from '../pipeline/records.ts';
import { frozenOf } from '../pipeline/run-base.ts';
import { dtypeOfRun, exportedFiles, mergedFiles, modelOfRun, type RunFields } from '../pipeline/run-model.ts';
import { readRunReport } from '../pipeline/run-report.ts';
import { renderModelCard } from '../reports/model-card.ts';
import { bufferSource } from '../tensors/byte-source.ts';
import { openSafetensors } from '../tensors/safetensors.ts';
import { cardFile, openExport } from './export-folder.ts';
import { findEpoch } from './run-epoch.ts';
import type { RunFolder } from './run-folder.ts';

/**
 * Writes weights, `config.json`, tokenizer and model card of an epoch, the best so far where none is named.
 * @param path of the run, for messages
 * @param options.merge whether an adapter is put into its base's weights, instead of being written by itself
 * @param options.localPath where a run's base is on this machine
 * @param options.force whether what another than an export left in the folder is replaced
 * @param options.dtype of the weights of a language model; absent: as the run's settings have it
 * @throws UserError when the epoch has no weights any more, they have no place in the type, or the folder holds anything but an export.
 */
export async function exportRun(
  path: string,
  { store, run, root }: RunFolder,
  folder: string,
  options: {
    epoch?: number | undefined;
    merge?: boolean;
    dtype?: ExportDtypeSetting | undefined;
    force: boolean;
    warn: (message: string) => void;
    localPath: TaskContext['localPath'];
  },
): Promise<{ epoch: number; isBest: boolean }> {
  const { record, manifest, epoch, isBest } = await findEpoch(path, { store, run, root }, options.epoch);
  const described = modelOfRun(record);
  const { merge = false } = options;
  if (merge && !described.adapter) {
    throw new UserError('trains no adapter, so there is nothing to merge', {
      where: path,
      remedy: 'Leave --merge out: its export is a whole model.',
    });
  }
  if (options.dtype !== undefined && described.fields) {
    throw new UserError('is a model of fields, whose weights are written in float32', {
      where: path,
      remedy: 'Leave --dtype out.',
    });
  }
  const dtype = options.dtype === undefined ? dtypeOfRun(record) : exportDtypeOf(options.dtype, record.model ?? {});
  const write = await openExport(folder, { force: options.force, needed: record.adapter?.base.path });
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
  // The manifest was found by its weights.
  const weights = (await readArtifact(store, manifest, modelFileOf(manifest)))!;
  const model = merge
    ? await mergedFiles(described, weights, await frozenOf(record, described, options.localPath), dtype)
    : await exportedFiles(described, weights, dtype);
  const onnx = described.fields && (await onnxOf(described.fields, weights, options.warn));
  if (onnx) model.set(onnxFile, onnx);
  const card = renderModelCard(report, epoch, { merged: merge, onnx: onnx !== undefined, dtype });
  await write(new Map<string, Uint8Array | string>([[cardFile, card], ...others, ...model]));
  return { epoch, isBest };
}

/** The model as ONNX; undefined, with a note why, where it can't be written so. */
async function onnxOf(
  fields: RunFields,
  weights: Uint8Array,
  warn: (message: string) => void,
): Promise<Uint8Array | undefined> {
  // A language model needs no tensor library for its export.
  const { fieldOnnx } = await import('./field-onnx.ts');
  try {
    return await fieldOnnx(fields, await (await openSafetensors(bufferSource('model.safetensors', weights))).readAll());
  } catch (error) {
    if (!(error instanceof UserError || error instanceof RunError)) throw error;
    warn(`model.onnx is left out: ${error.message}`);
    return undefined;
  }
}
