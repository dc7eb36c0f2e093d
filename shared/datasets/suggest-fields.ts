/** Which settings read a file of fields that nobody has described yet. */
import { UserError } from '../core/errors.ts';
import type { ArrayFile } from './arrays/array-file.ts';
import { withArrayFile } from './arrays/open-arrays.ts';
import { type FieldLayout, findFields } from './field-layout.ts';
import { type FieldSettings, fieldSettings } from './field-settings.ts';

/** Settings of a data set that say what is in its file. */
export type SuggestedFields = Pick<FieldSettings, 'format' | 'key' | 'channels' | 'inputs'> &
  Partial<Pick<FieldSettings, 'window'>>;

/** The settings that fit a file, as they were found in it. */
export interface FoundFields {
  /** The settings that read it, beside those that every data set has. */
  readonly settings: SuggestedFields;
  readonly layout: Pick<FieldLayout, 'samples' | 'time' | 'space' | 'channels' | 'statics' | 'notes'>;
}

/** Variables of PDEBench's compressible flow, in the order of its publication. */
const flowVariables = ['density', 'pressure', 'Vx', 'Vy', 'Vz'];

const schema = fieldSettings('fields', 'Arrays of fields.');

/**
 * Looks for fields in a file: the families of PDEBench and The Well, a map of MATLAB's, or arrays of one grid.
 * @returns the first settings that read it, or why none does
 * @throws UserError when the file can't be opened.
 */
export async function suggestFields(path: string): Promise<FoundFields | { readonly refusal: string }> {
  return withArrayFile(path, async (file) => {
    let refusal: string | undefined;
    for (const candidate of candidatesOf(file)) {
      try {
        const layout = await findFields(file, schema.parse({ format: 'fields', path, ...candidate }));
        const isMap = layout.time === 1 && layout.statics.length > 0;
        if (layout.time === 1 && !isMap) continue;
        const isPdebench = file.format === 'HDF5' && !file.names().some((name) => /^t\d_fields\//.test(name));
        return { settings: { format: isPdebench ? 'pdebench' : 'fields', ...candidate }, layout };
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        refusal ??= error.message;
      }
    }
    return { refusal: refusal ?? `${path}: holds one time step of every field, and nothing that would be given` };
  });
}

/** Settings that may fit, those that say most about the file first. */
function candidatesOf(file: ArrayFile): Omit<SuggestedFields, 'format'>[] {
  const names = file.names();
  const has = (name: string) => names.includes(name);
  const flow = flowVariables.filter(has);
  const ofWell = names.filter((name) => /^t[01]_fields\//.test(name));
  const isStatic = (name: string) => {
    const { time_varying: varies } = file.attributes(name);
    return varies !== undefined && !Number(varies);
  };
  const short = (name: string) => name.split('/').at(-1)!;
  const moving = ofWell.filter((name) => !isStatic(name)).map(short);
  const still = ofWell.filter(isStatic).map(short);
  const likeArrays = mostAlike(file);
  return [
    ...(has('velocity') && has('force')
      ? [{ channels: ['velocity', ...(has('particles') ? ['particles'] : [])], inputs: ['force'] }]
      : []),
    ...(flow.length > 1 ? [{ channels: flow }] : []),
    ...(moving.length > 0 ? [{ channels: moving, ...(still.length > 0 ? { inputs: still } : {}) }] : []),
    ...(has('a') && has('u') ? [{ key: 'u', inputs: ['a'], window: 0 }] : []),
    {},
    ...(likeArrays.length > 1 ? [{ channels: likeArrays }] : []),
  ];
}

/** The arrays of the shape that most numbers are in. */
function mostAlike(file: ArrayFile): string[] {
  const byShape = new Map<string, string[]>();
  for (const name of file.names()) {
    const { shape } = file.array(name);
    if (shape.length > 2) byShape.set(shape.join(), [...(byShape.get(shape.join()) ?? []), name]);
  }
  const numbers = ([shape, found]: [string, string[]]) =>
    shape.split(',').reduce((product, size) => product * Number(size), found.length);
  return [...byShape].toSorted((a, b) => numbers(b) - numbers(a))[0]?.[1] ?? [];
}
