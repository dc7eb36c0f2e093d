/**
 * A U-Net of four levels as PDEBench's UNet2d, for measuring convolutions: two 3 x 3 convolutions with batch norm and tanh at each
 * level, max pooling down, transposed convolutions up, skip connections.
 */
import type { NamedTensors, Tensor, TensorLibrary } from '../shared/engines/engine.ts';
import { withGradient } from '../shared/models/blocks/with-gradient.ts';
import type { FieldModel, TrajectoryFormat } from '../shared/models/model.ts';
import type { ParameterSpec } from '../shared/tensors/layer.ts';
import { elementCount } from '../shared/tensors/tensor.ts';

const levels = [1, 2, 4, 8] as const;

/** Shapes as in PyTorch: `[out, in, height, width]`; of transposed convolutions `[in, out, height, width]`. */
function parametersOf(width: number, inputs: number, outputs: number): ParameterSpec[] {
  const spec = (name: string, ...shape: number[]): ParameterSpec => ({ name, shape, decay: true });
  const block = (name: string, from: number, to: number) =>
    [from, to].flatMap((channels, index) => [
      spec(`${name}.conv${index + 1}.weight`, to, channels, 3, 3),
      spec(`${name}.norm${index + 1}.weight`, to),
      spec(`${name}.norm${index + 1}.bias`, to),
    ]);
  return [
    ...levels.flatMap((level, index) =>
      block(`encoder${index + 1}`, index === 0 ? inputs : (level / 2) * width, level * width),
    ),
    ...block('bottleneck', 8 * width, 16 * width),
    ...levels.flatMap((level, index) => [
      spec(`up${index + 1}.weight`, 2 * level * width, level * width, 2, 2),
      spec(`up${index + 1}.bias`, level * width),
      ...block(`decoder${index + 1}`, 2 * level * width, level * width),
    ]),
    spec('out.weight', outputs, width, 1, 1),
    spec('out.bias', outputs),
  ];
}

/** Numbers that any language makes alike: sines, of the size that PyTorch would draw. */
export function waves(length: number, scale: number, phase: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => scale * Math.sin(index + phase));
}

/** In training: by the statistics of the batch, for each channel of `[batch, height, width, channels]`. */
function batchNorm(tf: TensorLibrary, x: Tensor, scale: Tensor, offset: Tensor): Tensor {
  const axes = [0, 1, 2];
  const count = elementCount(x.shape.slice(0, 3));
  // With all axes kept, nothing has to be lined up for each product.
  const perChannel = (values: Tensor) => tf.reshape(values, [1, 1, 1, -1]);
  const channels = (values: Tensor) => tf.reshape(values, [-1]) as never;
  const epsilon = 1e-5;
  /** (x - mean) / sqrt(variance + epsilon) times a weight, and a bias: in one pass. */
  const scaled = (values: Tensor, mean: Tensor, variance: Tensor, bias: Tensor, weight: Tensor) =>
    tf.batchNorm4d(values as never, channels(mean), channels(variance), channels(bias), channels(weight), epsilon);
  const normalise = withGradient(
    tf,
    (input, weight, bias) => {
      const mean = tf.mean(input!, axes, true);
      const centred = tf.sub(input!, mean);
      const variance = tf.mean(tf.square(centred), axes, true);
      return { value: scaled(input!, mean, variance, bias!, weight!), keep: [centred, variance, weight!] };
    },
    (dy, [centred, variance, weight]) => {
      const inverse = tf.rsqrt(tf.add(variance!, epsilon));
      const toWeight = tf.mul(tf.sum(tf.mul(dy, centred!), axes, true), inverse);
      const toBias = tf.sum(dy, axes);
      const slope = tf.mul(tf.mul(toWeight, tf.square(inverse)), tf.div(perChannel(weight!), count));
      const level = scaled(dy, tf.div(toBias, count), variance!, tf.zerosLike(toBias), weight!);
      return [
        tf.sub(level, tf.mul(centred!, slope)),
        tf.reshape(toWeight, scale.shape),
        tf.reshape(toBias, offset.shape),
      ];
    },
  );
  return normalise(x, scale, offset);
}

export function buildUnet(width: number, { space, channels, window }: TrajectoryFormat): FieldModel {
  const inputs = window * channels;
  const parameters = parametersOf(width, inputs, channels);
  const [height, wide] = space as [number, number];

  function forward(tf: TensorLibrary, values: NamedTensors) {
    const filter = (name: string) => tf.transpose(values[`${name}.weight`]!, [2, 3, 1, 0]) as never;
    const block = (name: string, x: Tensor): Tensor =>
      [1, 2].reduce((input, index) => {
        const convolved = tf.conv2d(input as never, filter(`${name}.conv${index}`), 1, 'same');
        const norm = `${name}.norm${index}`;
        return tf.tanh(batchNorm(tf, convolved, values[`${norm}.weight`]!, values[`${norm}.bias`]!));
      }, x);
    const up = (name: string, x: Tensor): Tensor => {
      const [batch, rows, columns, features] = x.shape as [number, number, number, number];
      const shape: [number, number, number, number] = [batch, 2 * rows, 2 * columns, features / 2];
      return tf.add(tf.conv2dTranspose(x as never, filter(name), shape, 2, 'valid'), values[`${name}.bias`]!);
    };
    return (past: Tensor): Tensor => {
      let x: Tensor = tf.reshape(past, [-1, height, wide, inputs]);
      const skipped = levels.map((_, index) => {
        const kept = block(`encoder${index + 1}`, x);
        x = tf.maxPool(kept as never, 2, 2, 'valid');
        return kept;
      });
      x = block('bottleneck', x);
      for (const [index, kept] of [...skipped.entries()].reverse()) {
        x = block(`decoder${index + 1}`, tf.concat([up(`up${index + 1}`, x), kept], 3));
      }
      const out = tf.add(tf.conv2d(x as never, filter('out'), 1, 'same'), values['out.bias']!);
      return tf.reshape(out, [-1, ...space, channels]);
    };
  }

  return {
    parameters,
    layers: [],
    forwardFlops: 0, // the benchmark plans nothing
    initialise: () =>
      new Map(
        parameters.map(({ name, shape }, index) => {
          const size = elementCount(shape);
          const norm = name.includes('.norm') && name.endsWith('.weight');
          const data = norm
            ? new Float32Array(size).fill(1)
            : waves(size, Math.sqrt(2 / (shape.length > 1 ? elementCount(shape.slice(1)) : 1e4)), 1000 * index);
          return [name, { shape, data }];
        }),
      ),
    forward,
  };
}
