/** The rates of a checkpoint under the names that a trainer's model has for its parameters. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { type CheckpointRates, groupsOf } from './checkpoint-rates.ts';

export const trainerParametersSchema = z.record(z.string(), z.array(z.int().nonnegative()).readonly()).readonly();

/** Shapes of a model's parameters, by their names in it. */
export type TrainerParameters = z.output<typeof trainerParametersSchema>;

type Row = CheckpointRates['parameters'][string];

/**
 * The rates of these parameters alone, under these names. Names agree without the `module.` and `_orig_mod.` of wrappers, and without the
 * names that PEFT puts into a model and not into its files. A parameter that the checkpoint does not have keeps the base rate.
 * @throws UserError when the checkpoint has none of them.
 */
export function ratesFor(rates: CheckpointRates, wanted: TrainerParameters): CheckpointRates {
  const exact = new Map(Object.entries(rates.parameters));
  const plain = new Map([...exact].map(([name, row]) => [plainName(name), row]));
  const found = Object.entries(wanted).map(([name, shape]) => ({
    name,
    shape,
    row: exact.get(name) ?? plain.get(plainName(name)),
  }));
  const unmatched = found.filter(({ row }) => row === undefined).map(({ name }) => name);
  if (found.length === 0) throw new UserError('no parameter is named, so none is trained', { where: '--parameters' });
  if (unmatched.length === found.length) {
    throw new UserError(`has no parameter of the trainer's model, such as ${unmatched[0]}`, {
      where: rates.source.path,
      remedy: 'Give a checkpoint of the same model, or rates that were made of one.',
    });
  }
  const parameters = Object.fromEntries(
    found.map(({ name, shape, row }) => [name, row ? { ...row, shape } : atBaseRate(shape, rates.base)]),
  );
  const reshaped = found.filter(({ shape, row }) => row && String(shape) !== String(row.shape)).map(({ name }) => name);
  const warnings = [
    ...rates.warnings,
    ...(unmatched.length > 0 ? [`${unmatched.join(', ')}: not in the rates, so at the base rate`] : []),
    ...(reshaped.length > 0 ? [`${reshaped.join(', ')}: has another shape than in ${rates.source.path}`] : []),
  ];
  return { ...rates, parameters, groups: groupsOf(parameters), unmatched, warnings };
}

/** A name without what wrappers put before it, and without PEFT's name of an adapter. */
const plainName = (name: string): string =>
  name
    .replaceAll(/\.modules_to_save\.[^.]+|(?<=\.lora_[AB])\.[^.]+(?=\.weight$)/g, '')
    .replaceAll(/(^|\.)(?:(?:module|_orig_mod)\.)+/g, '$1');

function atBaseRate(shape: readonly number[], { learningRate, weightDecay }: CheckpointRates['base']): Row {
  const decays = shape.length > 1;
  return {
    shape: [...shape],
    layer: null,
    decays,
    learningRateFactor: 1,
    weightDecayFactor: 1,
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(weightDecay === undefined ? {} : { weightDecay: decays ? weightDecay : 0 }),
  };
}
