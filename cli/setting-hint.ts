/** A word of help where a setting of the run file was given as if it were an option. */
import { branchesOf, type JsonSchema } from '../shared/config/schema-walk.ts';
import { shellWord } from '../shared/core/shell-word.ts';

/** Short names that other trainers have. */
const usualNames: Readonly<Record<string, string>> = { lr: 'learningRate', wd: 'weightDecay', bs: 'batchSize' };

/** Settings are looked for down to this depth. */
const deepest = 4;

/**
 * How an unknown option is given by `--set`; undefined where no setting has its name.
 * @param flag as given: `--epochs`, `--batch-size=8`
 * @param args all arguments, of which the one after the flag is its value
 */
export async function settingHint(flag: string, args: readonly string[]): Promise<string | undefined> {
  const { runFileJsonSchema } = await import('../shared/config/run-file.ts');
  const [name = '', own] = flag.replace(/^-+/, '').split(/=(.*)/s);
  const camel = name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const path = pathTo(runFileJsonSchema(), usualNames[camel] ?? camel);
  if (path === undefined) return undefined;
  const next = args[args.indexOf(flag) + 1];
  const value = own ?? (next !== undefined && !next.startsWith('-') ? next : '...');
  return `Settings of the run file are given by --set: --set ${shellWord(`${path}=${value}`)}`;
}

/** The dotted name of a setting: the one that is nearest to the top, or what the name itself says. */
function pathTo(schema: JsonSchema, name: string): string | undefined {
  let sections: { path: string; schema: JsonSchema }[] = [{ path: '', schema }];
  for (let depth = 0; depth < deepest; depth++) {
    const inner = sections.flatMap(({ path, schema: section }) =>
      branchesOf(section).flatMap(({ properties = {} }) =>
        Object.entries(properties).map(([key, property]) => ({
          path: path === '' ? key : `${path}.${key}`,
          schema: property,
        })),
      ),
    );
    const found = inner.find(({ path }) => path === name || path.endsWith(`.${name}`));
    if (found) return found.path;
    sections = inner;
  }
  return undefined;
}
