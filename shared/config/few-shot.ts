/** Settings that don't go with few-shot classification, and its own where it is not trained. */
import type { ModelConfig } from '../models/registry.ts';
import type { TrainingConfig } from '../training/config.ts';

/** A setting of the run file, and what is wrong with it. */
interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/** The settings that contradict the task; empty where none does. */
export function fewShotProblems(
  model: ModelConfig,
  training: Pick<TrainingConfig, 'labelSmoothing' | 'classWeights'>,
): Problem[] {
  if (model.family !== 'huggingface') return [];
  const { task, problemType, pooling, head, lora, base, fewShot } = model;
  if (task !== 'few-shot-classification') {
    return fewShot ? [{ path: ['model', 'fewShot'], message: 'is for model.task few-shot-classification' }] : [];
  }
  const problems: Problem[] = [];
  const refuse = (path: string, message: string) => problems.push({ path: path.split('.'), message });
  if (problemType !== undefined && problemType !== 'single_label_classification') {
    refuse(
      'model.problemType',
      `${problemType} is not learnt by few-shot-classification, whose texts have one label each; for it take model.task: classification`,
    );
  }
  if (pooling === 'own') {
    refuse('model.pooling', 'own has no embeddings, which few-shot-classification learns from: take auto, mean or cls');
  }
  if (head === 'fresh') {
    refuse('model.head', 'has no effect with few-shot-classification, which fits the head anew in any case');
  }
  for (const [key, value] of Object.entries({ lora, base })) {
    if (value !== undefined)
      refuse(
        `model.${key}`,
        'does not go with few-shot-classification: adapters are not trained with a head on pooled embeddings',
      );
  }
  const ofTargets = 'is of a loss on labels, and few-shot-classification learns from pairs: leave it out';
  if (training.labelSmoothing > 0) refuse('training.labelSmoothing', ofTargets);
  if (training.classWeights !== undefined) refuse('training.classWeights', ofTargets);
  return problems;
}
