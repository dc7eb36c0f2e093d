/** Chooses the number type of an exported folder's weights. */
import { UserError } from '../../core/errors.ts';
import { narrowed } from '../../tensors/elements.ts';
import type { SafetensorsFile } from '../../tensors/safetensors.ts';
import { type HalfTensor, type HostTensor, halvesFinite } from '../../tensors/tensor.ts';

/** Types that weights are written in, as `transformers` calls them. */
export const exportDtypes = ['float32', 'bfloat16', 'float16'] as const;
export type ExportDtype = (typeof exportDtypes)[number];

/** The number types of an export, and `auto`: the one in the folder's configuration. */
export const exportDtypeSettings = [...exportDtypes, 'auto'] as const;
export type ExportDtypeSetting = (typeof exportDtypeSettings)[number];

type Described = Readonly<Record<string, unknown>>;

/** The type that a setting stands for: with `auto` that of the configuration (`dtype`, in older files `torch_dtype`), float32 where it names none of them. */
export function exportDtypeOf(setting: ExportDtypeSetting, { dtype, torch_dtype: older }: Described): ExportDtype {
  if (setting !== 'auto') return setting;
  const named = String(dtype ?? older).replace(/^torch\./, '');
  return exportDtypes.find((each) => each === named) ?? 'float32';
}

/** A configuration that names the type of its weights, as `transformers` 5 writes it; of float32 it stays as it is. */
export function withDtype<Config extends Described>(config: Config, dtype: ExportDtype): Config {
  if (dtype === 'float32') return config;
  const { torch_dtype: _, ...others } = config;
  return { ...others, dtype } as unknown as Config;
}

/** Numbers that are too large for the type that they were to be written in. */
export class BeyondRangeError extends UserError {}

/** Tensors to be written, by name. */
export type WrittenTensors = ReadonlyMap<string, HostTensor | HalfTensor>;

/** Tensors, one after the other, in a type. */
class Narrowing {
  readonly #dtype: ExportDtype;
  readonly #written = new Map<string, HostTensor | HalfTensor>();
  readonly #beyond: string[] = [];

  constructor(dtype: ExportDtype) {
    this.#dtype = dtype;
  }

  add(name: string, tensor: HostTensor): void {
    if (this.#dtype === 'float32') {
      this.#written.set(name, tensor);
      return;
    }
    const half = narrowed(tensor, this.#dtype);
    const largest = halvesFinite(half) ? 0 : largestLost(tensor, half);
    if (largest > 0) this.#beyond.push(`${name} (${largest.toPrecision(4)})`);
    this.#written.set(name, half);
  }

  /** @throws BeyondRangeError naming the tensors with values that would become infinite */
  result(): WrittenTensors {
    const beyond = this.#beyond;
    if (this.#dtype === 'float32' || beyond.length === 0) return this.#written;
    const named = beyond.length > 5 ? [...beyond.slice(0, 5), `${beyond.length - 5} more`] : beyond;
    throw new BeyondRangeError(
      `values beyond ${this.#dtype}, whose largest is ${largestOf[this.#dtype]}, in ${named.join(', ')}`,
      {
        remedy:
          this.#dtype === 'float16' ? 'Write bfloat16, which has the range of float32, or float32.' : 'Write float32.',
      },
    );
  }
}

/**
 * Tensors in a type, rounded to the nearest value, halfway cases to even bits, as PyTorch's `.to()` does it; NaN and infinite values stay what they are.
 * @throws BeyondRangeError naming the tensors with values that would become infinite
 */
export function inDtype(tensors: Iterable<readonly [string, HostTensor]>, dtype: ExportDtype): WrittenTensors {
  const narrowing = new Narrowing(dtype);
  for (const [name, tensor] of tensors) narrowing.add(name, tensor);
  return narrowing.result();
}

/** The tensors of a file as `inDtype` gives them, read one at a time, so that they are not in memory twice. */
export async function readInDtype(
  file: Pick<SafetensorsFile, 'names' | 'read'>,
  dtype: ExportDtype,
): Promise<WrittenTensors> {
  const narrowing = new Narrowing(dtype);
  for (const name of file.names()) narrowing.add(name, await file.read(name));
  return narrowing.result();
}

const largestOf = { float16: '65504', bfloat16: '3.3895e38' } as const;

/** The largest of the finite values that are infinite in 16 bits, without its sign; 0: there is none. */
function largestLost({ data }: HostTensor, half: HalfTensor): number {
  const infinite = half.dtype === 'float16' ? 0x7c00 : 0x7f80;
  let largest = 0;
  for (const [at, bits] of half.data.entries()) {
    const size = Math.abs(data[at]!);
    if ((bits & 0x7fff) === infinite && Number.isFinite(size) && size > largest) largest = size;
  }
  return largest;
}
