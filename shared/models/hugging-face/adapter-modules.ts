/** Finds the modules that an adapter's configuration means, as PEFT does. */
import { UserError } from '../../core/errors.ts';
import type { AdapterConfig } from './adapter-config.ts';

/** @throws UserError when the pattern is none here: it is written as Python has them. */
function patternOf(setting: string, pattern: string, source = pattern): RegExp {
  try {
    return new RegExp(source);
  } catch (cause) {
    throw new UserError(`${setting} is a pattern that can't be read: ${pattern}`, {
      remedy: 'List the ends of names instead, e.g. ["query", "value"].',
      cause,
    });
  }
}

/** Whether a module is one of those that a setting lists by the ends of their names, or describes by a pattern. */
function isNamed(setting: 'target_modules' | 'exclude_modules', name: string, config: AdapterConfig): boolean {
  const named = config[setting] ?? [];
  if (typeof named === 'string') return patternOf(setting, named, `^(?:${named})$`).test(name);
  return named.some((each) => name === each || name.endsWith(`.${each}`));
}

/** Whether a layer's number is one of `layers_to_transform`, which only goes with targets that are listed. */
function isInLayers(name: string, { target_modules: targets, ...config }: AdapterConfig): boolean {
  const layers = [config.layers_to_transform ?? []].flat();
  if (layers.length === 0 || typeof targets === 'string') return true;
  const patterns = [config.layers_pattern ?? []].flat();
  const numbers = (patterns.length > 0 ? patterns : ['[^.]*']).map((pattern) =>
    patternOf('layers_pattern', pattern, `^(?:.*?\\.)?(?:${pattern})\\.(\\d+)\\.`).exec(name),
  );
  const found = numbers.find((match) => match !== null);
  return found !== undefined && layers.includes(Number(found.at(-1)));
}

/** Whether the adapter has an update of a dense layer. */
export const isTarget = (name: string, config: AdapterConfig): boolean =>
  isNamed('target_modules', name, config) && !isNamed('exclude_modules', name, config) && isInLayers(name, config);

/** Whether a parameter is in a module of this name; PEFT looks at the ends of names, so that `classifier` is `pre_classifier` too. */
export function isWithin(parameter: string, module: string): boolean {
  const parts = parameter.split('.');
  return parts.some((_, count) => count > 0 && parts.slice(0, count).join('.').endsWith(module));
}

/** Whether a parameter is one of a module that is trained as a whole. */
export const isSaved = (parameter: string, { modules_to_save: saved }: AdapterConfig): boolean =>
  (saved ?? []).some((module) => isWithin(parameter, module));
