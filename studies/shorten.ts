import { parse, stringify } from 'yaml';
import type { z } from 'zod';
import { type compareFileSchema, tunedOf } from '../shared/config/compare-file.ts';

/** Epochs of a shortened comparison's runs. */
const epochs = 3;

/** `language.yaml` becomes `language.quick.yaml`, beside it, so that paths in it mean the same. */
export const shortenedName = (file: string): string => file.replace(/\.yaml$/, '.quick.yaml');

/**
 * The text of a compare file that does little of everything, to see that a comparison works: the reference and the first
 * two other arms, two values, one seed to tune by and two to test with, the smallest size, three epochs.
 * @param text of a compare file without problems
 * @param name of the shortened comparison
 */
export function shortened(text: string, name: string): string {
  const file: z.input<typeof compareFileSchema> = parse(text);
  const { reference = 'plain', arms, seeds, sizes, set, rates, tune, ...rest } = file;
  const others = Object.keys(arms)
    .filter((arm) => arm !== reference)
    .slice(0, 2);
  const kept = Object.entries(arms).filter(([arm]) => arm === reference || others.includes(arm));
  const tuned = tunedOf({ rates, tune });
  return stringify({
    ...rest,
    name,
    reference,
    set: { ...set, 'training.epochs': epochs },
    arms: Object.fromEntries(kept),
    ...(tuned && { tune: { [tuned.key]: tuned.values.slice(0, 2) }, extensions: 0 }),
    seeds: { ...(seeds.tuning && { tuning: seeds.tuning.slice(0, 1) }), test: seeds.test.slice(0, 2) },
    ...(sizes && { sizes: [Math.min(...sizes)] }),
  });
}
