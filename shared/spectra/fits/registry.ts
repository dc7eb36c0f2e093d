import { z } from 'zod';
import { configSchemasOf, memberNamed, type OwnSettings } from '../../core/families.ts';
import type { ChooseTail } from '../power-law.ts';
import type { FitMethod } from './fit-method.ts';
import { fixFinger } from './fix-finger.ts';
import { goodnessOfFit } from './goodness-of-fit.ts';
import { median } from './median.ts';

/** Every way to choose the tail of a spectrum. */
const fitMethods = [median, goodnessOfFit, fixFinger] as const;

export const fitSchema = z.discriminatedUnion('method', configSchemasOf(fitMethods));
export type FitConfig = z.output<typeof fitSchema>;

/** Their names. */
export const fitNames = fitMethods.map(({ name }) => name) as FitConfig['method'][];

const methodOf = ({ method }: FitConfig): FitMethod<FitConfig> =>
  memberNamed<FitMethod<OwnSettings>>(fitMethods, method);

/** The configured way to choose the tail. */
export function tailChooser(config: FitConfig): ChooseTail {
  return methodOf(config).chooseTail(config);
}

/** Eigenvalues in the tail of `count` of them, where their values have no part in it; undefined: they have. */
export const fixedTail = (config: FitConfig, count: number): number | undefined =>
  methodOf(config).fixedTail?.(config, count);
