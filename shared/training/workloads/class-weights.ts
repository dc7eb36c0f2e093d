import { UserError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { listNames } from '../../datasets/text/labels.ts';
import type { ProblemType } from '../../datasets/text/problem-type.ts';
import type { TrainingConfig } from '../config.ts';

/**
 * The weight that each class has in the loss; undefined: all weigh alike. Balanced, it is the number of texts over the number of classes and that of the
 * class's texts, as in scikit-learn; a class without texts weighs 1.
 * @param options.names of the classes, in their order
 * @param options.labels of the training texts, as places in the names
 * @throws UserError when a class is named that is none, or texts have not one label each.
 */
export function classWeights(
  setting: TrainingConfig['classWeights'],
  {
    problemType,
    names,
    labels = new Int32Array(),
  }: { problemType: ProblemType | undefined; names: readonly string[]; labels?: Int32Array | undefined },
): readonly number[] | undefined {
  if (setting === undefined) return undefined;
  if (problemType !== 'single_label_classification') {
    throw new UserError('are for a classifier whose texts have one label each', {
      where: 'training.classWeights',
      remedy: 'Leave them out.',
    });
  }
  if (setting === 'balanced') return balanced(labels, names.length);
  const unknown = Object.keys(setting).find((name) => !names.includes(name));
  if (unknown === undefined) return names.map((name) => setting[name] ?? 1);
  const hint = didYouMean(unknown, names);
  throw new UserError(`${JSON.stringify(unknown)} is none of the labels (${listNames(names)})${hint && `; ${hint}`}`, {
    where: 'training.classWeights',
    remedy: 'Name the labels as the data do.',
  });
}

function balanced(labels: Int32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]!++;
  const found = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 1 : labels.length / (found * count)));
}
