/** What of a tokenizer's settings is not obeyed here is refused by its name; what `transformers` pays no heed to is none of them. */
import { UserError } from '../../../core/errors.ts';
import { asObject, type Json } from './definition.ts';

const isSet = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== false;

/** Settings that are not obeyed: whether one is asked for, and its effect. */
const notObeyed: Readonly<Record<string, readonly [isAsked: (value: unknown) => boolean, what: string]>> = {
  split_special_tokens: [isSet, 'splits special tokens that stand in a text'],
  fix_mistral_regex: [isSet, 'changes how tokenizer.json splits texts'],
  auto_map: [(value) => isSet(asObject(value).AutoTokenizer) || Array.isArray(value), 'is code of its own'],
  init_inputs: [isSet, 'is input to code'],
  fast_tokenizer_files: [
    (value) => Array.isArray(value) && value.some((name) => name !== 'tokenizer.json'),
    'names other files than tokenizer.json',
  ],
  vocab: [isSet, 'takes the place of a file'],
  merges: [isSet, 'takes the place of a file'],
  tokenizer_object: [isSet, 'takes the place of a file'],
  post_processor: [isSet, 'takes the place of a file'],
  tokenizer_padding: [isSet, 'takes the place of a file'],
  tokenizer_truncation: [isSet, 'takes the place of a file'],
};

const sides = ['left', 'right'];

/**
 * @param where tokenizer_config.json, for messages.
 * @throws UserError naming a setting that is not obeyed here.
 */
export function refuseUnobeyed(config: Json, where: string): void {
  for (const [key, [isAsked, what]] of Object.entries(notObeyed)) {
    if (!isAsked(config[key])) continue;
    throw new UserError(`${key} ${what}, which is not done here`, {
      where,
      remedy: `Take ${key} out of the file, if texts may be read without it.`,
    });
  }
  for (const key of ['padding_side', 'truncation_side']) {
    const side = config[key];
    if (side === undefined || sides.includes(side as string)) continue;
    throw new UserError(`${key} is ${JSON.stringify(side)}`, { where, remedy: 'Set it to "left" or "right".' });
  }
  const names = config.model_input_names;
  if (names === undefined || (Array.isArray(names) && names.includes('attention_mask'))) return;
  throw new UserError('model_input_names has no attention_mask: padding would be read as text', {
    where,
    remedy: 'Add "attention_mask" to it, or leave the setting out.',
  });
}
