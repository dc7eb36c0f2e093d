import { UserError } from '../../core/errors.ts';
import { albert } from './albert.ts';
import { bert } from './bert.ts';
import { debertaV2 } from './deberta-v2.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import { gemma, gemma2 } from './gemma.ts';
import { gemma3 } from './gemma3.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';
import { mistral } from './mistral.ts';
import { type LanguageFamily, type LanguageTask, languageTasks, type TyingByWeights } from './model.ts';
import { modernBert } from './modern-bert.ts';
import { mpnet } from './mpnet.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { roberta } from './roberta.ts';
import { smollm3 } from './smollm3.ts';
import { t5 } from './t5.ts';

/** Every family of language models: one line each. */
export const languageFamilies: readonly LanguageFamily[] = [
  bert,
  roberta,
  distilbert,
  electra,
  modernBert,
  debertaV2,
  mpnet,
  albert,
  gpt2,
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma,
  gemma2,
  gemma3,
  phi3,
  smollm3,
  t5,
];

/** Kinds that hold one of the above, which has to be saved by itself. */
const holders: Readonly<Record<string, string>> = { gemma3: 'gemma3_text', mistral3: 'mistral', qwen2_vl: 'qwen2' };

/** The families with a head for this task, by kind of model, as a list for messages. */
function kindsWith(task: LanguageTask): string {
  const families = languageFamilies.filter(({ heads }) => task in heads);
  return families.flatMap(({ kinds }) => Object.keys(kinds)).join(', ');
}

/** The kind of model that a class in `transformers` is of, e.g. `bert` for BertForMaskedLM; undefined where none is. */
export function kindOfClass(name: string): string | undefined {
  const kinds = languageFamilies.flatMap((family) => Object.entries(family.kinds));
  return kinds.find(([, prefix]) => /^(For|LM|Model)/.test(name.slice(prefix.length)) && name.startsWith(prefix))?.[0];
}

/** The task that a class in `transformers` is for, e.g. `masked-lm` for BertForMaskedLM; undefined where none is known. */
export function taskOfClass(name: string): LanguageTask | undefined {
  return languageTasks.find((task) =>
    languageFamilies.some(({ kinds, heads }) => Object.values(kinds).some((kind) => name === `${kind}${heads[task]}`)),
  );
}

/** The tasks that a kind of model has a head for; none where it is not known. */
export function tasksOf(modelType: string): LanguageTask[] {
  const family = languageFamilies.find(({ kinds }) => Object.hasOwn(kinds, modelType));
  return languageTasks.filter((task) => family && task in family.heads);
}

/** How words are scored of a kind whose weights say it; undefined: its configuration does, or it is not known. */
export const tyingOf = (modelType: string): TyingByWeights | undefined =>
  languageFamilies.find(({ kinds }) => Object.hasOwn(kinds, modelType))?.tiedByWeights;

/**
 * The family of a kind of model that Hugging Face names so, and the class that it has for the task.
 * @param where for messages
 * @throws UserError when the kind or the task is not supported, with those that are
 */
export function languageFamily(
  modelType: string,
  task: LanguageTask,
  where: string,
): { family: LanguageFamily; architecture: string } {
  const family = languageFamilies.find(({ kinds }) => Object.hasOwn(kinds, modelType));
  if (!family) {
    const part = Object.hasOwn(holders, modelType) ? holders[modelType] : undefined;
    const images = part === undefined ? '' : ': it takes images too';
    throw new UserError(`models of type "${modelType}" are not supported${images}`, {
      where,
      remedy: part
        ? `Save its text model (${part}) by itself with transformers, or take another.`
        : `For ${task}, take one of: ${kindsWith(task)}.`,
    });
  }
  const head = family.heads[task];
  if (head === undefined) {
    throw new UserError(`"${modelType}" has no head for ${task}`, {
      where,
      remedy: `It can do ${Object.keys(family.heads).join(', ')}; for ${task}, take one of: ${kindsWith(task)}.`,
    });
  }
  return { family, architecture: `${family.kinds[modelType]}${head}` };
}
