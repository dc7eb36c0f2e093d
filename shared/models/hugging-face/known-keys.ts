/** Which keys of a `config.json` may stand there unread: those that change nothing of what is computed here. */
import { hasLabels, type LanguageTask } from '../language/model.ts';

/** Keys about the model's origin and the program that wrote it. */
const about = [
  ...['model_type', 'architectures', 'transformers_version', 'name_or_path', 'auto_map', 'custom_pipelines'],
  ...['task_specific_params', 'finetuning_task', 'language', 'license', 'tokenizer_class', 'transformers.js_config'],
  ...['unsloth_version', 'unsloth_fixed', 'is_llama_config', 'model_max_length', 'max_sequence_length', 'seq_length'],
];
/** Keys of `config.json` that are read for every kind of model. */
const labels = ['id2label', 'label2id', 'num_labels', 'label_names', 'sentence_embedding', 'problem_type'];
/** Which numbers stand for what; that of padding is read by each family. */
const tokenIds = ['bos_token_id', 'eos_token_id', 'sep_token_id', 'cls_token_id', 'mask_token_id', 'unk_token_id'];
/** How weights are stored and computed with: here they are float32, and the way to a result does not change it. */
const computing = [
  ...['dtype', 'torch_dtype', 'torchscript', 'use_bfloat16', 'attn_implementation', 'use_flash_attn', 'use_cache'],
  ...['cache_implementation', 'gradient_checkpointing', 'chunk_size_feed_forward', 'pretraining_tp', 'fused_mlp'],
  ...['output_past', 'output_attentions', 'output_hidden_states', 'return_dict', 'use_return_dict', 'tf_legacy_loss'],
  ...['keys_to_ignore_at_inference', 'deterministic_flash_attn', 'reference_compile', 'sparse_prediction'],
];
/** For writing texts: read where texts are written (`generation-config.ts`), and of no matter for training. */
export const generationKeys = [
  ...['max_length', 'min_length', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups', 'diversity_penalty'],
  ...['temperature', 'top_k', 'top_p', 'typical_p', 'epsilon_cutoff', 'eta_cutoff', 'repetition_penalty'],
  ...['encoder_repetition_penalty', 'length_penalty', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size'],
  ...['bad_words_ids', 'num_return_sequences', 'output_scores', 'return_dict_in_generate', 'forced_bos_token_id'],
  ...['forced_eos_token_id', 'remove_invalid_values', 'exponential_decay_length_penalty', 'suppress_tokens'],
  ...['begin_suppress_tokens', 'num_assistant_tokens', 'num_assistant_tokens_schedule', 'prefix'],
  ...['assistant_confidence_threshold', 'assistant_lookbehind', 'target_lookbehind', 'decoder_start_token_id'],
];
/** Keys of heads for tasks that are not trained here. */
const otherHeads = [
  ...['summary_type', 'summary_use_proj', 'summary_activation', 'summary_last_dropout', 'summary_first_dropout'],
  ...['summary_proj_to_labels', 'qa_dropout', 'directionality', 'pooler_fc_size', 'pooler_num_attention_heads'],
  ...['pooler_num_fc_layers', 'pooler_size_per_head', 'pooler_type'],
];
const harmless = new Set([...about, ...labels, ...tokenIds, ...computing, ...generationKeys, ...otherHeads]);

/** Keys that do no harm with this value. */
const harmlessValues: Readonly<Record<string, (value: unknown, task: LanguageTask) => boolean>> = {
  partial_rotary_factor: (value) => value === null || value === 1,
  // A family that can have scores of words apart from their table reads this key itself.
  tie_word_embeddings: (value, task) => hasLabels(task) || value !== false,
};

/** What turns a feature off: nothing, false, an empty list or object, and 0 for a rate of dropout. */
function isOff(key: string, value: unknown): boolean {
  if (value === null || value === false) return true;
  if (value === 0) return /dropout|pdrop/.test(key);
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/**
 * The keys of a configuration that say something which is not obeyed: neither the family's own nor harmless. Keys that begin with an
 * underscore are notes of `transformers` to itself.
 * @param own the keys that the family reads, which it obeys or refuses itself
 */
export function unreadKeys(
  config: Readonly<Record<string, unknown>>,
  own: ReadonlySet<string>,
  task: LanguageTask,
): string[] {
  const isKnown = (key: string, value: unknown): boolean =>
    own.has(key) ||
    (harmlessValues[key]?.(value, task) ?? (harmless.has(key) || key.startsWith('_') || isOff(key, value)));
  return Object.entries(config).flatMap(([key, value]) => (isKnown(key, value) ? [] : [key]));
}
