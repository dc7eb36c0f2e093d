/** A classifier's last layer that no gradient trains: it is fitted to the embeddings of the training texts. */
import type { ParameterSpec } from '../tensors/layer.ts';
import { scoreNames } from './hugging-face/weights.ts';
import type { LanguageModel } from './language/model.ts';

/** Weight and bias of the last layer. */
export function fittedHead(model: LanguageModel): ParameterSpec[] {
  const names = scoreNames(model);
  return model.parameters.filter(({ name }) => names.includes(name));
}

/** The parameters that a gradient trains: all but the last layer's. */
export function trainedBody(model: LanguageModel): ParameterSpec[] {
  const names = scoreNames(model);
  return model.parameters.filter(({ name }) => !names.includes(name));
}
