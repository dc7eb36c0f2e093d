/** Keys whose numbers `transformers` 5 takes only as floats: a whole number there is refused unless it is written as 2.0. */
const floats = [
  ...['initializer_range', 'initializer_cutoff_factor', 'initializer_factor'],
  ...['layer_norm_eps', 'layer_norm_epsilon', 'norm_eps', 'rms_norm_eps'],
  ...['attn_logit_softcapping', 'final_logit_softcapping', 'logit_scale'],
];
const wholeFloat = new RegExp(`^(\\s*"(?:${floats.join('|')})": -?\\d+)(,?)$`, 'gm');

/** The text of a `config.json` that `transformers` reads. */
export function encodeConfig(config: Readonly<Record<string, unknown>>): Uint8Array {
  const text = JSON.stringify(config, null, 2).replace(wholeFloat, '$1.0$2');
  return new TextEncoder().encode(`${text}\n`);
}
