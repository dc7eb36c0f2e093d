/** The models of the suite `transformer`. */
import { randomFor } from '../shared/core/random.ts';
import { buildLanguageModel, openModelFolder } from '../shared/models/hugging-face/model-folder.ts';
import type { LanguageTask } from '../shared/models/language/model.ts';
import type { LoraConfig } from '../shared/models/language/settings.ts';

/** A model in a folder, and the texts of every step. */
export interface TransformerCase {
  readonly name: string;
  readonly folder: string;
  readonly task: LanguageTask;
  /** Absent: all weights are trained. */
  readonly lora?: LoraConfig;
  /** For the reference: a folder with the adapter that is begun with. */
  readonly adapter?: string;
  readonly inputIds: readonly (readonly number[])[];
  /** Of texts; absent: the next token is learnt. */
  readonly labels?: readonly number[];
  readonly steps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** The model, its adapter if it has one, and the numbers that both sides begin with. */
export async function openModel({ folder, task, lora }: Pick<TransformerCase, 'folder' | 'task' | 'lora'>) {
  const opened = await openModelFolder(folder);
  const { model, adapter, read } = buildLanguageModel(opened, { task, labels: ['0', '1'], lora });
  return { model: adapter ?? model, adapter, values: await read(randomFor(1, 'head')) };
}
