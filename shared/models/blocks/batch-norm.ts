import { UserError } from '../../core/errors.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';
import { elementCount, type HostTensor } from '../../tensors/tensor.ts';
import type { ModelState } from '../model.ts';
import { withGradient } from './with-gradient.ts';

/** PyTorch's default epsilon. */
const epsilon = 1e-5;
const momentum = 0.1;

/** Weight and bias of a batch norm, which follow the rate of `layer`. */
export function batchNormParameters(name: string, channels: number, layer: string): ParameterSpec[] {
  return ['weight', 'bias'].map((part) => ({ name: `${name}.${part}`, shape: [channels], decay: true, layer }));
}

/** Its running statistics, and in how many calls they were gathered, under PyTorch's names. A `layer` that is drawn anew draws them anew. */
export function batchNormState(name: string, channels: number, layer: string): ParameterSpec[] {
  return [
    { name: `${name}.running_mean`, shape: [channels], decay: false, layer },
    { name: `${name}.running_var`, shape: [channels], decay: false, layer },
    { name: `${name}.num_batches_tracked`, shape: [], decay: false, layer },
  ];
}

/** What a tensor of a batch norm begins with: weight and variance with 1, all else with 0. */
export function batchNormInitial({ name, shape }: ParameterSpec): HostTensor {
  const isOne = name.endsWith('.weight') || name.endsWith('.running_var');
  return { shape, data: new Float32Array(elementCount(shape)).fill(isOne ? 1 : 0) };
}

const axes = [0, 1, 2];

/** (x - mean) / sqrt(variance + epsilon) times a weight, and a bias, for each channel: in one pass. */
function scaled(tf: TensorLibrary, x: Tensor, mean: Tensor, variance: Tensor, bias: Tensor, weight: Tensor): Tensor {
  const perChannel = (values: Tensor) => tf.reshape(values, [-1]) as never;
  return tf.batchNorm4d(
    x as never,
    perChannel(mean),
    perChannel(variance),
    perChannel(bias),
    perChannel(weight),
    epsilon,
  );
}

/**
 * Batch norm of `[batch, height, width, channels]` by the parameters of this name: in evaluation by the running statistics
 * among them; in training by the mean and variance of the batch, which move those in `state` a tenth of the way, the variance of
 * n values times n / (n - 1). Source: Ioffe and Szegedy, Batch Normalization (ICML 2015), as in torch.nn.BatchNorm2d.
 * @throws UserError in training when there is but one value for each channel.
 */
export function batchNorm(
  tf: TensorLibrary,
  x: Tensor,
  parameters: NamedTensors,
  name: string,
  state: ModelState | undefined,
): Tensor {
  const [weight, bias] = [parameters[`${name}.weight`]!, parameters[`${name}.bias`]!];
  const running = {
    mean: `${name}.running_mean`,
    variance: `${name}.running_var`,
    calls: `${name}.num_batches_tracked`,
  };
  if (!state) return scaled(tf, x, parameters[running.mean]!, parameters[running.variance]!, bias, weight);
  const count = elementCount(x.shape.slice(0, -1));
  if (count === 1) throw tooFew(name);

  // With all axes kept, nothing has to be lined up for each product.
  const alongChannels = (values: Tensor) => tf.reshape(values, [1, 1, 1, -1]);
  let statistics: Tensor[] = [];
  const normalise = withGradient(
    tf,
    (input, scale, offset) => {
      const mean = tf.mean(input!, axes, true);
      const centred = tf.sub(input!, mean);
      const variance = tf.mean(tf.square(centred), axes, true);
      statistics = [tf.keep(mean), tf.keep(variance)];
      return { value: scaled(tf, input!, mean, variance, offset!, scale!), keep: [centred, variance, scale!] };
    },
    (dy, [centred, variance, scale]) => {
      const inverse = tf.rsqrt(tf.add(variance!, epsilon));
      const toWeight = tf.mul(tf.sum(tf.mul(dy, centred!), axes, true), inverse);
      const toBias = tf.sum(dy, axes);
      const slope = tf.mul(tf.mul(toWeight, tf.square(inverse)), tf.div(alongChannels(scale!), count));
      const level = scaled(tf, dy, tf.div(toBias, count), variance!, tf.zerosLike(toBias), scale!);
      return [
        tf.sub(level, tf.mul(centred!, slope)),
        tf.reshape(toWeight, weight.shape),
        tf.reshape(toBias, bias.shape),
      ];
    },
  );
  const normal = normalise(x, weight, bias);
  const [mean, variance] = statistics as [Tensor, Tensor];
  const moved = (before: Tensor, now: Tensor, factor: number) =>
    tf.add(tf.mul(before, 1 - momentum), tf.mul(tf.reshape(now, before.shape), momentum * factor));
  state[running.mean] = moved(state[running.mean]!, mean, 1);
  state[running.variance] = moved(state[running.variance]!, variance, count / (count - 1));
  state[running.calls] = tf.add(state[running.calls]!, 1);
  tf.dispose(statistics);
  return normal;
}

const tooFew = (name: string) =>
  new UserError('batch norm needs more than one value for each channel in training', {
    where: `layer ${name}`,
    remedy:
      'Its fields are 1 point there, and the batch is 1 sample: choose training.batchSize and accumulate so that no batch has 1 sample, or sub-sample the data less.',
  });
