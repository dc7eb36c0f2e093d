/** Writes a LoRA adapter in a folder and its base as one model. */
import { basename, resolve } from 'node:path';
import { stringify } from 'yaml';
import { UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';
import { type ExportDtype, type ExportDtypeSetting, exportDtypeOf } from '../models/hugging-face/export-precision.ts';
import { huggingFaceFiles, readOtherFiles } from '../models/hugging-face/folder.ts';
import {
  buildLanguageModel,
  labelsOfFolder,
  type ModelFolder,
  openModelFolder,
} from '../models/hugging-face/model-folder.ts';
import { hasLabels, type LanguageTask } from '../models/language/model.ts';
import { taskOfClass } from '../models/language/registry.ts';
import { mergeAdapter, taskTypes } from '../models/lora.ts';
import { cardFile, openExport } from './export-folder.ts';

/**
 * Writes a folder of Hugging Face's with W + scale * B A.
 * @param options.base where it does not lie where the adapter says
 * @param options.dtype of its weights
 * @throws UserError when adapter and base don't fit each other, or the folder holds anything but an export.
 */
export async function mergeAdapterFolder(
  path: string,
  folder: string,
  {
    base,
    force,
    dtype: setting = 'float32',
  }: { base?: string | undefined; force: boolean; dtype?: ExportDtypeSetting | undefined },
): Promise<void> {
  const opened = await openModelFolder(path, { base });
  const write = await openExport(folder, { force, needed: opened.base });
  const { config } = opened;
  const task = taskOf(opened);
  const labels = hasLabels(task) ? await labelsOfFolder(opened, task) : [];
  const { adapter, architecture, fresh, read } = buildLanguageModel(opened, { task, labels });
  if (!adapter || fresh.length > 0) {
    throw new UserError(`neither the adapter nor its base has weights for ${fresh.join(', ')}`, {
      where: path,
      remedy: 'Give the base that the adapter was trained on: --base.',
    });
  }
  const merged = mergeAdapter(adapter, await read(randomFor(0, 'initialise')));
  const others = await readOtherFiles(opened.tokenizer);
  const dtype = exportDtypeOf(setting, config);
  const files = huggingFaceFiles({ model: adapter.base, architecture, config, labels, others }, merged, dtype);
  await write(new Map<string, Uint8Array | string>([...files, [cardFile, cardOf(opened, dtype)]]));
}

/** What the adapter was trained for, as it says itself, or as its model's class is. */
function taskOf({ folder, config, adapter }: ModelFolder): LanguageTask {
  const types = Object.entries(taskTypes) as [LanguageTask, string | undefined][];
  const named = types.find(([, type]) => type !== undefined && type === adapter?.task_type)?.[0];
  const task = named ?? (config.architectures ?? []).map(taskOfClass).find((each) => each !== undefined);
  if (task !== undefined) return task;
  throw new UserError('says of no task that is known here that it was trained for it', {
    where: folder,
    remedy: 'Write its task_type into adapter_config.json: SEQ_CLS, TOKEN_CLS or CAUSAL_LM.',
  });
}

function cardOf({ folder, base }: ModelFolder, dtype: ExportDtype): string {
  const matter = stringify({ library_name: 'transformers', tags: ['tempbalance', 'safetensors'] });
  const name = (path: string) => basename(resolve(path));
  return `---
${matter}---

# ${name(folder)}, merged

The weights of \`${name(base)}\` with the LoRA adapter \`${name(folder)}\` in them (W + scale * B A), in ${dtype}: a folder that \`transformers\` loads.
`;
}
