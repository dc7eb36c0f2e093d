const described = /^[^/]+\.(json|safetensors|txt|model|jinja)$/;

/** The file of a sentence encoder's pooling, in a folder below. */
const pooling = /^[^/]*_Pooling\/config\.json$/;

/** Weights as PyTorch writes them. */
const torchWeights = /^(pytorch_model|adapter_model)(-\d{5}-of-\d{5})?\.bin$/;

/**
 * The files of a folder of Hugging Face's that a model is read from, of all its names: whatever else lies there is not sent or fetched,
 * nor are PyTorch's weights where there are some in safetensors, which are read then.
 */
export function modelFilesIn(names: readonly string[]): string[] {
  const hasSafetensors = names.some((name) => described.test(name) && name.endsWith('.safetensors'));
  return names.filter(
    (name) => described.test(name) || pooling.test(name) || (!hasSafetensors && torchWeights.test(name)),
  );
}
