/** What stands beside the chunks of a Zarr array, versions 2 and 3, checked and made into one form. */
import { z } from 'zod';
import { halfValues } from '../../tensors/elements.ts';
import { elementCount } from '../../tensors/tensor.ts';
import { bytesPerNumber, type NumberType, numberType } from './number-types.ts';

/** An array's metadata. */
export interface ZarrArrayInfo {
  readonly version: 2 | 3;
  readonly shape: readonly number[];
  /** Shape of what is decoded at a time: of a chunk, or of the parts of a shard. */
  readonly chunk: readonly number[];
  readonly type: NumberType;
  readonly axes: readonly string[] | undefined;
  /** Names of the codecs. */
  readonly codecs: readonly string[];
  /** The metadata as zarrita is given them: bool as uint8 and float16 as uint16, which it can't read in Node 22. */
  readonly plain: Record<string, unknown>;
}

/** Metadata that can't be used: malformed, or (`content`) of an array that holds no numbers. */
export class ZarrRefusal extends Error {
  readonly kind: 'malformed' | 'content';

  constructor(message: string, kind: 'malformed' | 'content' = 'malformed') {
    super(message);
    this.kind = kind;
  }
}

const maxAxes = 32;
/** Bytes that a chunk may take up decoded. */
const maxChunkBytes = 2 ** 30;
/** Parts that a shard may have. */
const maxPartsPerShard = 2 ** 20;

const sizes = z.array(z.int().min(0)).max(maxAxes);
const chunkSizes = z.array(z.int().min(1)).max(maxAxes);
const codec = z.looseObject({ name: z.string() });
const codecV2 = z.looseObject({ id: z.string() });

const v2Schema = z.looseObject({
  zarr_format: z.literal(2),
  shape: sizes,
  chunks: chunkSizes,
  dtype: z.unknown(),
  compressor: codecV2.nullish(),
  filters: z.array(codecV2).nullish(),
  fill_value: z.unknown(),
  order: z.enum(['C', 'F']),
  dimension_separator: z.enum(['.', '/']).optional(),
});

const v3Schema = z.looseObject({
  zarr_format: z.literal(3),
  node_type: z.literal('array'),
  shape: sizes,
  data_type: z.unknown(),
  chunk_grid: z.looseObject({ name: z.string(), configuration: z.looseObject({ chunk_shape: chunkSizes }) }),
  chunk_key_encoding: z.looseObject({
    name: z.enum(['default', 'v2']),
    configuration: z.looseObject({ separator: z.enum(['.', '/']).optional() }).optional(),
  }),
  fill_value: z.unknown(),
  codecs: z.array(codec).min(1),
  dimension_names: z.array(z.string().nullable()).nullish(),
  storage_transformers: z.array(z.unknown()).max(0, 'storage transformers are not read').optional(),
});

const shardingSchema = z.looseObject({
  chunk_shape: chunkSizes,
  codecs: z.array(codec).min(1),
  index_codecs: z.array(codec).min(1),
  index_location: z.literal('end', 'an index at the start of shards is not read').optional(),
});

function checked<Output>(schema: z.ZodType<Output>, json: unknown): Output {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new ZarrRefusal(`its metadata are malformed: ${issue.path.join('.') || 'top'}: ${issue.message}`);
}

const typeLetters = { f: 'float', i: 'int', u: 'uint' } as const;
const zarritaTypes: Partial<Record<NumberType, NumberType>> = { bool: 'uint8', float16: 'uint16' };

/** @throws ZarrRefusal when the metadata of an array are malformed, absurd, or say that it holds no numbers. */
export function parseZarrV2(json: unknown, attributes: Readonly<Record<string, unknown>>): ZarrArrayInfo {
  const meta = checked(v2Schema, json);
  const [, order, letter, size] = /^([<>|])([a-zA-Z])(\d+)$/.exec(String(meta.dtype)) ?? [];
  const isBool = letter === 'b' && size === '1';
  const known = letter !== undefined && letter in typeLetters;
  const type = isBool ? 'bool' : known && numberType(typeLetters[letter as 'f' | 'i' | 'u'], Number(size));
  if (!type) throw new ZarrRefusal(`of type ${JSON.stringify(meta.dtype)}`, 'content');
  checkChunk(meta.shape, meta.chunks, type);
  const stored = zarritaTypes[type];
  const dtype = stored ? `${isBool ? '|' : order}u${bytesPerNumber[stored]}` : meta.dtype;
  return {
    version: 2,
    shape: meta.shape,
    chunk: meta.chunks,
    type,
    axes: namesOf(attributes._ARRAY_DIMENSIONS, meta.shape),
    codecs: [...(meta.filters ?? []), ...(meta.compressor ? [meta.compressor] : [])].map(({ id }) => `numcodecs.${id}`),
    plain: { ...meta, dtype, fill_value: fillValue(meta.fill_value, type) },
  };
}

/** @throws ZarrRefusal as `parseZarrV2` does. */
export function parseZarrV3(json: unknown): ZarrArrayInfo {
  const meta = checked(v3Schema, json);
  const type = typeof meta.data_type === 'string' && meta.data_type in bytesPerNumber && meta.data_type;
  if (!type) throw new ZarrRefusal(`of type ${JSON.stringify(meta.data_type)}`, 'content');
  if (meta.chunk_grid.name !== 'regular') throw new ZarrRefusal(`its chunks lie in a grid "${meta.chunk_grid.name}"`);
  const grid = meta.chunk_grid.configuration.chunk_shape;
  const [first, ...others] = meta.codecs;
  let chunk = grid;
  let codecs = meta.codecs.map(({ name }) => name);
  if (codecs.includes('sharding_indexed')) {
    if (first!.name !== 'sharding_indexed' || others.length > 0) {
      throw new ZarrRefusal('codecs around shards are not read');
    }
    const shard = checked(shardingSchema, first!.configuration);
    chunk = shard.chunk_shape;
    const parts = grid.map((length, axis) => length / (chunk[axis] ?? 0));
    if (chunk.length !== grid.length || !parts.every(Number.isInteger) || elementCount(parts) > maxPartsPerShard) {
      throw new ZarrRefusal(`its shards of [${grid.join(', ')}] have parts of [${chunk.join(', ')}]`);
    }
    codecs = [...shard.codecs, ...shard.index_codecs].map(({ name }) => name);
  }
  if (grid.length !== meta.shape.length) throw new ZarrRefusal('its chunks have other axes than the array');
  const data_type = type as NumberType;
  checkChunk(meta.shape, chunk, data_type);
  return {
    version: 3,
    shape: meta.shape,
    chunk,
    type: data_type,
    axes: namesOf(meta.dimension_names, meta.shape),
    codecs,
    plain: {
      ...meta,
      data_type: zarritaTypes[data_type] ?? data_type,
      fill_value: fillValue(meta.fill_value, data_type),
      attributes: {},
    },
  };
}

function checkChunk(shape: readonly number[], chunk: readonly number[], type: NumberType): void {
  if (chunk.length !== shape.length) throw new ZarrRefusal('its chunks have other axes than the array');
  const bytes = elementCount(chunk) * bytesPerNumber[type];
  if (!(bytes <= maxChunkBytes)) {
    throw new ZarrRefusal(`its chunks of [${chunk.join(', ')}] take ${bytes} bytes each, more than is read at once`);
  }
  if (!Number.isSafeInteger(elementCount(shape) * bytesPerNumber[type])) {
    throw new ZarrRefusal(`its shape is [${shape.join(', ')}]`);
  }
}

function namesOf(names: unknown, shape: readonly number[]): string[] | undefined {
  const all = Array.isArray(names) && names.length === shape.length && names.every((name) => typeof name === 'string');
  return all ? (names as string[]) : undefined;
}

/** What zarrita fills missing chunks with: a number of the type that it is told. */
function fillValue(stored: unknown, type: NumberType): number | string {
  const value = numericFill(stored, type);
  if (type === 'float16') {
    const halves = halfValues();
    const found = halves.findIndex((half) => Object.is(half, Math.fround(value)));
    if (found < 0) throw new ZarrRefusal(`its fill value ${value} is no float16`);
    return found;
  }
  // JSON has no other way to write these, and zarrita reads this one.
  if (type.startsWith('float')) return Number.isFinite(value) ? value : String(value);
  if (!Number.isSafeInteger(value)) throw new ZarrRefusal(`its fill value ${value} is no integer`);
  return value;
}

function numericFill(stored: unknown, type: NumberType): number {
  if (stored === null || stored === undefined || stored === false) return 0;
  if (stored === true) return 1;
  if (typeof stored === 'number') return stored;
  const bits = /^0x([0-9a-f]{1,16})$/i.exec(String(stored))?.[1];
  if (bits !== undefined && type.startsWith('float')) {
    const size = bytesPerNumber[type];
    const bytes = Buffer.from(bits.padStart(2 * size, '0').slice(-2 * size), 'hex');
    if (size === 2) return halfValues()[bytes.readUInt16BE(0)]!;
    return size === 4 ? bytes.readFloatBE(0) : bytes.readDoubleBE(0);
  }
  const named: Record<string, number> = { NaN: Number.NaN, Infinity: Infinity, '-Infinity': -Infinity };
  const value = named[String(stored)];
  if (value === undefined) throw new ZarrRefusal(`its fill value is ${JSON.stringify(stored)}`);
  return value;
}
