/**
 * The names that neuraloperator has for the weights of its FNO, and where its architecture is another one than ours. Sources:
 * neuralop/models/fno.py, layers/fno_block.py and layers/spectral_convolution.py, versions 0.3 to 2.0. What its default settings add
 * since 1.0 (a hidden layer in the lifting, a perceptron after each Fourier layer) our FNO does not compute; `neuralop.ts` does.
 */
import { UserError } from '../core/errors.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { elementCount, formatShape, type WeightTensor } from '../tensors/tensor.ts';
import type { OtherNames, StoredWeights } from './pretrained.ts';

/** The tensors of a file that one of our parameters is made of. */
interface Origin {
  readonly name: string;
  readonly shape: readonly number[];
  pick(tensor: WeightTensor): WeightTensor;
}

/** Blocks and space axes of our model. */
interface Sizes {
  readonly blocks: number;
  readonly dimensions: number;
}

function sizesOf(parameters: readonly ParameterSpec[]): Sizes {
  const spectral = parameters.filter(({ name }) => /^conv\d+\.weights1$/.test(name));
  return { blocks: spectral.length, dimensions: spectral[0]!.shape.length - 3 };
}

/** Of a block, its spectral weights: since 1.0 a module each, before one for all. */
const spectralStems = (block: number) => [`fno_blocks.convs.${block}.weight`, `fno_blocks.convs.weight.${block}`];

/** The first of these names that the file has. */
const present = (file: StoredWeights, names: readonly string[]) => {
  const all = new Set(file.names());
  return names.find((name) => all.has(name));
};

const spectralName = (file: StoredWeights, block: number) =>
  present(
    file,
    spectralStems(block).flatMap((stem) => [`${stem}.tensor`, stem]),
  );
const skipName = (file: StoredWeights, block: number) =>
  present(file, [`fno_blocks.fno_skips.${block}.conv.weight`, `fno_blocks.fno_skips.${block}.weight`]);

const isPointwise = (shape: readonly number[]) => shape.slice(2).every((size) => size === 1);

/** In what the file's architecture differs from ours, one line each. */
function differences(file: StoredWeights, { blocks, dimensions }: Sizes): string[] {
  const names = file.names();
  const has = (pattern: RegExp) => names.filter((name) => pattern.test(name));
  const layersIn = (part: string) => has(new RegExp(`^${part}\\.fcs\\.\\d+\\.weight$`)).length;
  const found: string[] = [];
  const note = (is: boolean, line: string) => {
    if (is) found.push(line);
  };
  const hidden = present(file, ['lifting.fcs.0.weight']);
  note(
    layersIn('lifting') > 1,
    `its lifting has a hidden layer${hidden ? ` of ${file.entry(hidden).shape[0]} (${hidden})` : ''}, with GELU behind it: ours, fc0, is one layer`,
  );
  note(
    has(/^fno_blocks\.(channel_)?mlp\./).length > 0,
    'it has a perceptron of two layers after each Fourier layer (fno_blocks.channel_mlp) and GELU behind that: ours has none (use_channel_mlp=False)',
  );
  note(has(/^fno_blocks\.norm\./).length > 0, 'it has norms in its Fourier layers (fno_blocks.norm): ours has none');
  note(has(/\.(fr|fi)\./).length > 0, 'it is one of complex fields (complex_data): ours takes real ones');
  const factors = has(/^fno_blocks\.convs\..*\.(core|weights|factors[._].*)$/);
  note(factors.length > 0, `its spectral weights are factorised (${factors[0]}): ours are dense (factorization=None)`);
  const theirs = new Set(names.flatMap((name) => /^fno_blocks\.fno_skips\.(\d+)\./.exec(name)?.[1] ?? [])).size;
  const convolutions = new Set(
    names.flatMap((name) => /^fno_blocks\.convs\.(?:weight\.)?(\d+)\b/.exec(name)?.[1] ?? []),
  ).size;
  note(convolutions > 0 && convolutions !== blocks, `it has ${convolutions} Fourier layers: ours has ${blocks}`);
  note(
    theirs === 0,
    'its Fourier layers have no weights on the way around (fno_skip): ours have a pointwise layer each',
  );
  const skip = skipName(file, 0);
  const skipShape = skip === undefined ? undefined : file.entry(skip).shape;
  note(
    skipShape !== undefined && (skipShape[0] === 1 || !isPointwise(skipShape)),
    `its way around a Fourier layer (${skip} ${formatShape(skipShape ?? [])}) is no pointwise layer (fno_skip: linear, conv_bias_kernel: 1)`,
  );
  const spectral = spectralName(file, 0);
  const shape = spectral === undefined ? undefined : file.entry(spectral).shape;
  if (shape && factors.length === 0) {
    const axes = shape.length - 3;
    note(
      axes !== dimensions,
      `its spectral weights ${formatShape(shape)} are not [in, out, modes by ${dimensions} space ${dimensions === 1 ? 'axis' : 'axes'}, 2]: it has another number of space axes, or is separable`,
    );
    const odd = axes === dimensions ? shape.slice(2, -2).find((size) => size % 2 !== 0) : undefined;
    note(
      odd !== undefined,
      `it keeps ${odd} modes along an axis that is not the last: ours are as many of either sign`,
    );
  }
  return found;
}

const reshaped = (name: string, shape: readonly number[]): Origin => ({
  name,
  shape,
  pick: ({ data }) => ({ shape, data }),
});

/** Part of a tensor: of each axis, `sizes` from `starts` on. */
function block(tensor: WeightTensor, starts: readonly number[], sizes: readonly number[]): WeightTensor {
  const data =
    tensor.data instanceof Float64Array ? new Float64Array(elementCount(sizes)) : new Float32Array(elementCount(sizes));
  const steps = tensor.shape.map((_, axis) => elementCount(tensor.shape.slice(axis + 1)));
  const row = sizes.at(-1)!;
  for (let at = 0; at < data.length; at += row) {
    let rest = at / row;
    let from = starts.at(-1)!;
    for (let axis = sizes.length - 2; axis >= 0; axis--) {
      from += (starts[axis]! + (rest % sizes[axis]!)) * steps[axis]!;
      rest = Math.floor(rest / sizes[axis]!);
    }
    data.set(tensor.data.subarray(from, from + row), at);
  }
  return { shape: sizes, data };
}

/**
 * One corner of spectral weights `[in, out, ...modes, 2]`: along all axes but the last, theirs are in the order of their frequencies,
 * the negative ones first, and ours are two tensors, the lowest and the highest rows of the transform.
 */
function corner(name: string, shape: readonly number[], number: number): Origin {
  const halved = shape.map((_, axis) => axis >= 2 && axis < shape.length - 2);
  const sizes = shape.map((size, axis) => (halved[axis] ? size / 2 : size));
  const starts = shape.map((size, axis) => (halved[axis] && ((number >> (axis - 2)) & 1) === 0 ? size / 2 : 0));
  return { name, shape: sizes, pick: (tensor) => block(tensor, starts, sizes) };
}

/** The origin of one of our parameters; undefined: the file has none. */
function originOf(file: StoredWeights, { name }: ParameterSpec, { dimensions }: Sizes): Origin | undefined {
  const [, layer, number = '', part] = /^(\D+?)(\d+)\.(.+)$/.exec(name) ?? [];
  const blockNumber = Number(number);
  if (layer === 'conv') {
    const spectral = spectralName(file, blockNumber);
    if (spectral === undefined) return undefined;
    return corner(spectral, file.entry(spectral).shape, Number(part!.slice('weights'.length)) - 1);
  }
  if (layer === 'w') {
    if (part === 'bias') return spectralBias(file, blockNumber);
    const skip = skipName(file, blockNumber);
    if (skip === undefined) return undefined;
    return reshaped(skip, [...file.entry(skip).shape.slice(0, 2), ...Array.from({ length: dimensions }, () => 1)]);
  }
  const dense = present(
    file,
    denseNames(blockNumber).map((stem) => `${stem}.${part}`),
  );
  if (dense === undefined) return undefined;
  return reshaped(dense, file.entry(dense).shape.slice(0, part === 'bias' ? 1 : 2));
}

/** The names of `fc0`, `fc1` and `fc2` in the file. */
const denseNames = (number: number): readonly string[] =>
  number === 0 ? ['lifting.fcs.0', 'lifting.fc'] : [`projection.fcs.${number - 1}`, `projection.fc${number}`];

/** Theirs is added behind the spectral convolution, ours beside it in the pointwise layer: the sum is the same. */
function spectralBias(file: StoredWeights, block: number): Origin | undefined {
  const own = present(file, [`fno_blocks.convs.${block}.bias`]);
  if (own !== undefined) return reshaped(own, file.entry(own).shape.slice(0, 1));
  const joint = present(file, ['fno_blocks.convs.bias']);
  const width = joint === undefined ? undefined : file.entry(joint).shape[1];
  if (joint === undefined || width === undefined) return undefined;
  const pick = ({ data }: WeightTensor) => ({ shape: [width], data: data.slice(block * width, (block + 1) * width) });
  return { name: joint, shape: [width], pick };
}

/** neuraloperator's FNO. */
export const neuralOperatorNames: OtherNames = {
  isNaming: (names) =>
    names.some((name) => name.startsWith('fno_blocks.')) && names.some((name) => name.startsWith('lifting.')),
  translate(file, parameters) {
    const sizes = sizesOf(parameters);
    const differs = differences(file, sizes);
    if (differs.length > 0) {
      throw new UserError(
        `holds an FNO of neuraloperator's that is not the one of this model:\n    ${differs.join('\n    ')}`,
        {
          where: file.label,
          remedy:
            "Set model.family to neuralop-fno, or tfno where the spectral weights are factorised: neuraloperator's own architecture with its defaults. What neither has (norms, other skips, complex fields) has no place here: train without model.weights.",
        },
      );
    }
    const origins = new Map<string, Origin>();
    for (const parameter of parameters) {
      const origin = originOf(file, parameter, sizes);
      if (origin) origins.set(parameter.name, origin);
    }
    const used = new Set([...origins.values()].map(({ name }) => name));
    const unused = file.names().filter((name) => !used.has(name));
    const note = `${file.label} has neuraloperator's names. No tensor tells its padding (none unless domain_padding was set: model.padding 0) and its grid (from 0, up to but without 1)`;
    const read: StoredWeights['read'] = async (name) => {
      const origin = origins.get(name);
      return origin ? origin.pick(await file.read(origin.name)) : file.read(name);
    };
    return {
      label: file.label,
      notes: [...(file.notes ?? []), note],
      names: () => [...origins.keys(), ...unused],
      entry: (name) => {
        const origin = origins.get(name);
        return origin ? { dtype: file.entry(origin.name).dtype, shape: origin.shape } : file.entry(name);
      },
      read,
      readAsStored: read,
    };
  },
};
