/** Rotary positions as `config.json` describes them, in the forms of `transformers` 4 (`rope_scaling`, `rope_theta`) and 5 (`rope_parameters`). */
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { Rotary, RotaryScaling } from '../blocks/rotary.ts';

const positive = z.number().positive();
const factors = z.array(positive);
const parameters = {
  rope_theta: positive.nullish(),
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  partial_rotary_factor: positive.max(1).nullish(),
  factor: positive.nullish(),
  original_max_position_embeddings: positive.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  attention_factor: z.number().nonnegative().nullish(),
  beta_fast: z.number().nonnegative().nullish(),
  beta_slow: z.number().nonnegative().nullish(),
  mscale: z.number().nonnegative().nullish(),
  mscale_all_dim: z.number().nonnegative().nullish(),
  truncate: z.boolean().nullish(),
  short_factor: factors.nullish(),
  long_factor: factors.nullish(),
};
/** One description of rotary positions. */
export const ropeSchema = z.strictObject(parameters);
export type RopeParameters = z.infer<typeof ropeSchema>;
type Key = keyof RopeParameters;

/** The keys at the top of a `config.json` that rotary positions are read from. */
export const ropeConfig = {
  max_position_embeddings: z.int().positive(),
  original_max_position_embeddings: positive.nullish(),
  rope_theta: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
};
type RopeConfig = z.infer<z.ZodObject<typeof ropeConfig>>;

/** What each type needs, and may have besides; all have theta and the type. */
const types: Readonly<Record<string, { readonly needs: readonly Key[]; readonly may?: readonly Key[] }>> = {
  default: { needs: [] },
  linear: { needs: ['factor'] },
  // Other frequencies begin beyond the longest text that is taken, so that there are none.
  dynamic: { needs: ['factor'] },
  llama3: { needs: ['factor', 'low_freq_factor', 'high_freq_factor'], may: ['original_max_position_embeddings'] },
  yarn: {
    needs: ['factor'],
    may: [
      ...(['original_max_position_embeddings', 'attention_factor', 'beta_fast', 'beta_slow'] as const),
      ...(['mscale', 'mscale_all_dim', 'truncate'] as const),
    ],
  },
  longrope: {
    needs: ['short_factor', 'long_factor'],
    may: ['original_max_position_embeddings', 'attention_factor', 'factor'],
  },
};
const always: readonly Key[] = ['rope_theta', 'rope_type', 'type', 'partial_rotary_factor'];

/** @throws UserError when the type is not known, lacks what it needs, or has what it doesn't look at. */
function checkKeys(type: string, given: RopeParameters, where: string): void {
  const known = types[type];
  if (!known) {
    throw new UserError(`rotary positions of type ${type} are not supported`, {
      where,
      remedy: `Supported are: ${Object.keys(types).join(', ')}.`,
    });
  }
  const { needs, may = [] } = known;
  const missing = needs.filter((key) => given[key] == null);
  if (missing.length > 0) throw new UserError(`rotary positions of type ${type} need ${missing.join(', ')}`, { where });
  const allowed = new Set([...always, ...needs, ...may]);
  const unread = (Object.keys(given) as Key[]).filter((key) => given[key] != null && !allowed.has(key));
  if (unread.length === 0) return;
  throw new UserError(`rotary positions of type ${type} don't look at ${unread.join(', ')}`, {
    where,
    remedy: 'Take what belongs to another type out of rope_scaling (rope_parameters).',
  });
}

interface RopeOptions {
  readonly headSize: number;
  readonly where: string;
  /** The base of the kind, where the configuration has none. */
  readonly theta?: number;
  /** Whether a part of a head may be turned. */
  readonly isPartial?: boolean;
}

/** The magnitude that YaRN gives to texts stretched by a factor. */
const yarnMagnitude = (factor: number, weight = 1) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);

/** How far texts are stretched, and by what queries and keys are multiplied. */
function stretchOf(type: string, given: RopeParameters, longest: number, trained: number) {
  const factor = given.factor ?? longest / trained;
  if (given.attention_factor != null) return { factor, magnitude: given.attention_factor };
  if (type === 'longrope') {
    return { factor, magnitude: factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(trained)) };
  }
  const { mscale, mscale_all_dim: all } = given;
  const magnitude = mscale && all ? yarnMagnitude(factor, mscale) / yarnMagnitude(factor, all) : yarnMagnitude(factor);
  return { factor, magnitude };
}

/**
 * Rotary positions of a part of a configuration that describes some.
 * @throws UserError when they are not supported, or not whole
 */
export function rotaryFrom(
  given: RopeParameters,
  { max_position_embeddings: longest, original_max_position_embeddings: ofAll }: RopeConfig,
  { headSize, where, theta = 10_000, isPartial = false }: RopeOptions,
): Rotary {
  const type = given.rope_type ?? given.type ?? 'default';
  checkKeys(type, given, where);
  const part = given.partial_rotary_factor ?? 1;
  if (part !== 1 && !isPartial) {
    throw new UserError(`partial_rotary_factor is ${part}: this kind of model turns heads as a whole`, { where });
  }
  const size = Math.floor(headSize * part);
  if (size % 2 !== 0 || size === 0) {
    throw new UserError(`${size} of the ${headSize} components of a head can't be turned in pairs`, { where });
  }
  const rotary = { theta: given.rope_theta ?? theta, size };
  const trained = ofAll ?? given.original_max_position_embeddings ?? longest;
  if (type !== 'yarn' && type !== 'longrope') return { ...rotary, scaling: plainScaling(type, given, trained) };
  const { factor, magnitude } = stretchOf(type, given, longest, trained);
  if (type === 'longrope') {
    const [short, long] = [given.short_factor!, given.long_factor!];
    for (const [key, { length }] of Object.entries({ short_factor: short, long_factor: long })) {
      if (length === size / 2) continue;
      throw new UserError(`${key} has ${length} numbers: one for each of ${size / 2} pairs is needed`, { where });
    }
    return { ...rotary, magnitude, scaling: { type, trained, short, long } };
  }
  const [fast, slow] = [given.beta_fast || 32, given.beta_slow || 1];
  return { ...rotary, magnitude, scaling: { type, factor, trained, fast, slow, whole: given.truncate ?? true } };
}

/** Scalings that leave the magnitude of queries and keys. */
function plainScaling(type: string, given: RopeParameters, trained: number): RotaryScaling {
  if (type === 'linear') return { type, factor: given.factor! };
  if (type !== 'llama3') return { type: 'default' };
  return {
    type,
    factor: given.factor!,
    lowFrequency: given.low_freq_factor!,
    highFrequency: given.high_freq_factor!,
    trained,
  };
}

const isEmpty = (given: object | null | undefined) => !given || Object.keys(given).length === 0;

/**
 * The one description of rotary positions of a configuration: the old form goes before the new one, as in `transformers`.
 * @throws UserError when they are not supported, or not whole
 */
export function rotaryOf(config: RopeConfig, options: RopeOptions): Rotary {
  const given = (isEmpty(config.rope_scaling) ? config.rope_parameters : config.rope_scaling) ?? {};
  const theta = config.rope_theta ?? options.theta ?? 10_000;
  return rotaryFrom(given, config, { ...options, theta });
}
