/** The head of few-shot classification: logistic regression with an L2 penalty, as scikit-learn's `LogisticRegression` has it by default. */
import { RunError } from '../core/errors.ts';
import { type Differentiable, minimise } from '../core/lbfgs.ts';

/** Weights that score classes. */
export interface LinearScores {
  /** `[classes, size]`, row-major. */
  readonly weight: Float64Array;
  /** `[classes]`. */
  readonly bias: Float64Array;
}

/** Length of the gradient up to which a fit has ended. As the penalty curves by 1, weights are within it of the minimum. */
const tolerance = 1e-8;
/** Beyond it a fit has failed. */
const loosest = 1e-3;

/**
 * The minimum of the sum of the cross-entropies over the rows, and half the squared weights (C = 1); biases are not penalised. Two classes have one row
 * of weights w, as in scikit-learn, which score -w/2 and w/2 here. The same arguments give the same bits.
 * @param rows `[count, size]`, row-major
 * @param labels of each row; every class has one at least
 * @throws RunError when rows are not finite, or no minimum is found
 */
export function fitLogisticRegression(rows: Float32Array, labels: Int32Array, classes: number): LinearScores {
  const count = labels.length;
  const size = rows.length / count;
  if (!rows.every(Number.isFinite)) {
    throw new RunError(
      "the head can't be fitted: the model's embeddings of the training texts are not finite numbers",
      {
        remedy: 'Lower training.learningRate, or set training.clipNorm.',
      },
    );
  }
  // As biases are free, the minimum is the same on centred rows, and much nearer.
  const { centred, means } = centre(rows, count, size);
  const isBinary = classes === 2;
  const outputs = isBinary ? 1 : classes;
  const negativeLogLikelihood: Differentiable = isBinary
    ? (point, gradient) => twoClasses(centred, labels, size, point, gradient)
    : (point, gradient) => manyClasses(centred, labels, { size, classes }, point, gradient);
  const { point, gradientNorm } = minimise(negativeLogLikelihood, new Float64Array(outputs * (size + 1)), tolerance);
  if (!(gradientNorm <= loosest)) {
    throw new RunError(`the head can't be fitted: the gradient of its loss stays at ${gradientNorm}`, {
      remedy: 'Lower training.learningRate: embeddings of the training texts are very large.',
    });
  }
  const weight = point.slice(0, outputs * size);
  const bias = Float64Array.from({ length: outputs }, (_, output) => {
    const own = weight.subarray(output * size, (output + 1) * size);
    return point[outputs * size + output]! - own.reduce((sum, value, at) => sum + value * means[at]!, 0);
  });
  if (!isBinary) return { weight, bias };
  const halves = (values: Float64Array) => Float64Array.of(...values.map((v) => -v / 2), ...values.map((v) => v / 2));
  return { weight: halves(weight), bias: halves(bias) };
}

function centre(rows: Float32Array, count: number, size: number): { centred: Float64Array; means: Float64Array } {
  const means = new Float64Array(size);
  for (const [at, value] of rows.entries()) means[at % size]! += value / count;
  return { centred: Float64Array.from(rows, (value, at) => value - means[at % size]!), means };
}

/** Half the squared weights, with its gradient. */
function penalty(point: Float64Array, weights: number, gradient: Float64Array): number {
  gradient.fill(0);
  let sum = 0;
  for (let at = 0; at < weights; at++) {
    sum += point[at]! ** 2 / 2;
    gradient[at] = point[at]!;
  }
  return sum;
}

/** Logistic loss of two classes: one row of weights, then a bias. */
function twoClasses(
  rows: Float64Array,
  labels: Int32Array,
  size: number,
  point: Float64Array,
  gradient: Float64Array,
): number {
  let loss = penalty(point, size, gradient);
  for (let row = 0; row < labels.length; row++) {
    const start = row * size;
    let score = point[size]!;
    for (let at = 0; at < size; at++) score += point[at]! * rows[start + at]!;
    const sign = labels[row] === 1 ? 1 : -1;
    const margin = sign * score;
    loss += margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
    const slope = -sign / (1 + Math.exp(margin));
    for (let at = 0; at < size; at++) gradient[at]! += slope * rows[start + at]!;
    gradient[size]! += slope;
  }
  return loss;
}

/** By a row of weights for each class, and the biases after them: the cross-entropy of the softmax. */
function manyClasses(
  rows: Float64Array,
  labels: Int32Array,
  { size, classes }: { size: number; classes: number },
  point: Float64Array,
  gradient: Float64Array,
): number {
  const biases = classes * size;
  let loss = penalty(point, biases, gradient);
  const scores = new Float64Array(classes);
  for (let row = 0; row < labels.length; row++) {
    const start = row * size;
    for (let place = 0; place < classes; place++) {
      let score = point[biases + place]!;
      for (let at = 0; at < size; at++) score += point[place * size + at]! * rows[start + at]!;
      scores[place] = score;
    }
    const largest = scores.reduce((a, b) => Math.max(a, b));
    const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
    const label = labels[row]!;
    loss += largest + Math.log(sum) - scores[label]!;
    for (let place = 0; place < classes; place++) {
      const slope = Math.exp(scores[place]! - largest) / sum - (place === label ? 1 : 0);
      for (let at = 0; at < size; at++) gradient[place * size + at]! += slope * rows[start + at]!;
      gradient[biases + place]! += slope;
    }
  }
  return loss;
}
