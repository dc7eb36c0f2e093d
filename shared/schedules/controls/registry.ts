import { byShape } from './by-shape.ts';
import type { Control } from './control.ts';
import { inverse } from './inverse.ts';
import { shuffled } from './shuffled.ts';

/** Every control that `balance.control` names: one line each. */
const controls = [shuffled, inverse, byShape] as const satisfies readonly Control[];

export type ControlName = (typeof controls)[number]['name'];
export const controlNames = controls.map(({ name }) => name) as ControlName[];

/** What each does, for docs: `inverse: each factor is 1 / itself. ...` */
export const controlsInWords = controls.map(({ name, effect }) => `${name}: ${effect}.`).join(' ');

/** The control of that name. */
export const controlOf = (name: ControlName): Control => controls.find((control) => control.name === name)!;
