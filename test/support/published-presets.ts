import { existsSync } from 'node:fs';
import { fixturePath } from './fixtures.ts';

/** The fixture with what the authors' code of a preset computes, e.g. `temp-balance.json`. */
export const numbersOf = (preset: string): string =>
  `${preset.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.json`;

export const hasPublishedNumbers = (preset: string): boolean => existsSync(fixturePath('presets', numbersOf(preset)));
